"""The same cells through other programs that speak to kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from ciao.frontends import kernelspec

ORDINARY = "answer = 6 * 7\nprint('ordinary', answer)"
TRAINING = "%framework=pytorch\n%worker=2\nimport os\nprint('rank', os.environ['RANK'])"
FAILING = "%framework=pytorch\n%worker=2\nimport os\n\nif os.environ['RANK'] == '1':\n    raise ValueError('bad batch')"


@pytest.fixture(scope="session", autouse=True)
def _installed() -> Iterator[None]:
    """The kernelspec is where Jupyter looks, in the tests' own folder."""
    kernelspec.install(user=True)
    yield
    kernelspec.uninstall(user=True)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_HOME", str(tmp_path / "ciao"))
    monkeypatch.setenv("TERM", os.environ.get("TERM", "xterm"))


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    """An ordinary cell, a training cell."""
    kernel = {"kernelspec": {"name": "ciao", "display_name": "Ciao", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in (ORDINARY, TRAINING)]
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    return made


@pytest.fixture
def failing(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same, and a training cell that fails at its line 6 on worker-1."""
    notebook.cells.append(nbformat.v4.new_code_cell(FAILING))
    return notebook
