"""Imports of what only this machine has."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.interpreter.reading import read
from ciao.model import Cell, JobSpec
from ciao.s2i.only_here import imported, only_here
from ciao.settings import Settings


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("raise SystemExit('it was run')")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    return tmp_path / "train.ipynb"


def cell(notebook: Path, code: str, include: str = "") -> JobSpec:
    magics = "%framework=jax\n" + (f"%include={include}\n" if include else "")
    return read(Cell(text=magics + code, notebook=str(notebook)), settings=Settings(home=Path("/nowhere")))


def told(notebook: Path, code: str, include: str = "") -> list[str]:
    return [notice.text for notice in only_here(cell(notebook, code, include))]


def test_a_module_beside_the_notebook_is_told_with_the_way_out(notebook: Path) -> None:
    where = notebook.parent / "helper.py"
    assert told(notebook, "import helper\nhelper.x") == [
        f"line 2: helper is imported and is only on this machine, in {where}: %include=helper sends it along"
    ]


@pytest.mark.parametrize(
    "code", ["import pack", "import pack.inner as p", "from pack import x", "def f():\n    from pack.a import b"]
)
def test_however_it_is_imported(notebook: Path, code: str) -> None:
    assert ["pack is imported" in text for text in told(notebook, code)] == [True]


def test_an_editable_install_is_only_here(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, source = tmp_path / "site-packages", tmp_path / "work" / "src"
    (source / "mine").mkdir(parents=True)
    (source / "mine" / "__init__.py").touch()
    site.mkdir()
    (site / "__editable__.mine.pth").write_text(f"{source}\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert f"in {source / 'mine'}" in told(notebook, "import mine")[0]


@pytest.mark.parametrize(
    "code", ["import os", "import pytest", "import absent", "from . import helper", "import = 1", ""]
)
def test_of_what_is_elsewhere_or_unknown_nothing_is_said(notebook: Path, code: str) -> None:
    assert only_here(replace(cell(notebook, "x"), code=code)) == ()


@pytest.mark.parametrize("include", ["helper", "helper.py", ".", "'{folder}'"])
def test_what_is_included_is_not_told(notebook: Path, include: str) -> None:
    assert told(notebook, "import helper", include.format(folder=notebook.parent)) == []


def test_the_first_line_of_several_is_told() -> None:
    assert imported("\ufeffimport a\nimport a.b, c\nimport sys") == {"a": 1, "c": 2}
