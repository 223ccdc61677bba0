"""What is installed is the same everywhere, and works from PYTHONPATH."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.packages.tidy import files, tidy


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site" / "bin").mkdir(parents=True)
    return tmp_path / "site"


def run(site: Path, code: str, *, more: str = "") -> str:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{site}{more}"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#!/home/me/venv/bin/python\nx\n", "#!/usr/bin/env python3\nx\n"),
        ("#!/home/me/venv/bin/python3.11\nx\n", "#!/usr/bin/env python3\nx\n"),
        ("#!/bin/sh\n'''exec' '/a b/python' \"$0\" \"$@\"\n' '''\nx\n", "#!/usr/bin/env python3\nx\n"),
        ("#!/bin/sh\necho\n", "#!/bin/sh\necho\n"),
        ("#!/usr/bin/env perl\n", "#!/usr/bin/env perl\n"),
        ("no script", "no script"),
    ],
)
def test_scripts_name_no_python_of_this_machine(site: Path, before: str, after: str) -> None:
    (site / "bin" / "tool").write_text(before)
    (site / "bin" / "tool").chmod(0o755)
    tidy(site)
    assert (site / "bin" / "tool").read_text() == after
    assert (site / "bin" / "tool").stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_also_in_the_cache_stays_as_it_is_there(site: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("#!/home/me/python\n")
    (site / "bin" / "tool").hardlink_to(tmp_path / "cache")
    tidy(site)
    assert (tmp_path / "cache").read_text() == "#!/home/me/python\n"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_symbolic_link_is_refused(site: Path, kind: str) -> None:
    (site / "a").symlink_to("/etc/passwd" if kind == "file" else "/etc")
    with pytest.raises(BundleError, match="a symbolic link, a,"):
        tidy(site)


def test_the_list_of_files_is_true_afterwards(site: Path) -> None:
    about = site / "tool-1.0.dist-info"
    about.mkdir()
    (about / "direct_url.json").write_text('{"url": "file:///home/me/x.whl"}')
    (about / "REQUESTED").write_text("")
    (about / "RECORD").write_text(
        "tool-1.0.dist-info/direct_url.json,sha256=x,9\nbin/tool,sha256=old,1\na,,\ntool-1.0.dist-info/RECORD,,\n"
    )
    (site / "a").write_text("")
    (site / "bin" / "tool").write_text("#!/home/me/python\n")
    (site / ".lock").write_text("")
    tidy(site)
    rows = (about / "RECORD").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["a", "bin/tool", "tool-1.0.dist-info/RECORD"]
    assert rows[1] != "bin/tool,sha256=old,1"
    assert [p.name for p in files(site)] == ["a", "tool", "RECORD"]


def test_pth_files_are_read_from_pythonpath(site: Path) -> None:
    (site / "more").mkdir()
    (site / "more" / "far.py").write_text("x = 1")
    (site / "more.pth").write_text("more\n")
    tidy(site)
    assert run(site, "import far; print(far.x)") == "1\n"


def test_a_sitecustomize_of_the_image_is_not_hidden(site: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "sitecustomize.py").write_text("print('of the image')\n")
    (site / "a.pth").write_text("import sys; sys.flag = 1\n")
    tidy(site)
    assert run(site, "import sys; print(sys.flag)", more=f":{tmp_path}/image") == "of the image\n1\n"


def test_without_pth_files_nothing_is_added(site: Path) -> None:
    tidy(site)
    assert list(files(site)) == []
