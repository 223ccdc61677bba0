"""The same cells through other programs that speak to kernels."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

ORDINARY = "answer = 6 * 7\nprint('ordinary', answer)"
TRAINING = "%framework=pytorch\n%worker=2\nimport os\nprint('rank', os.environ['RANK'])"
FAILING = "%framework=pytorch\n%worker=2\nimport os\n\nif os.environ['RANK'] == '1':\n    raise ValueError('bad batch')"


@pytest.fixture(autouse=True)
def _found(installed: None) -> None:
    """Each program starts the kernel by its name."""


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
