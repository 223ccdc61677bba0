"""Editable installs as uv really makes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Include = Callable[..., Any]

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "my-lib"
version = "2.5"
[project.entry-points.plugins]
one = "mylib:one"
[tool.hatch.build]
dev-mode-exact = {exact}
[tool.hatch.build.targets.wheel]
packages = ["src/mylib"]
"""


def uv(*words: str) -> None:
    """The builder is that of the tests: nothing is fetched."""
    program = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program
    environ = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    subprocess.run([program, *words], check=True, env=environ, capture_output=True)


@pytest.mark.parametrize("exact", ["false", "true"], ids=["a path", "a finder"])
def test_an_editable_install_is_found_with_its_version_and_plugins(
    tmp_path: Path, included: Include, monkeypatch: pytest.MonkeyPatch, exact: str
) -> None:
    project = tmp_path / "project"
    (project / "src" / "mylib" / "data").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT.format(exact=exact))
    (project / "src" / "mylib" / "__init__.py").write_text("raise SystemExit('it was run')\n")
    (project / "src" / "mylib" / "data" / "x.csv").write_text("a,b\n")
    uv("venv", "-q", "--python", sys.executable, str(tmp_path / "env"))
    offline = ("--no-build-isolation", "--no-index", "--no-deps", "-q")
    uv("pip", "install", *offline, "--python", str(tmp_path / "env" / "bin" / "python"), "-e", str(project))
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    assert bool(list(site.glob("_editable_impl_*.py"))) is (exact == "true")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert [entry.path for entry in included("mylib").entries] == [
        "modules/my_lib-2.5.dist-info/METADATA",
        "modules/my_lib-2.5.dist-info/entry_points.txt",
        "modules/mylib/__init__.py",
        "modules/mylib/data/x.csv",
    ]
