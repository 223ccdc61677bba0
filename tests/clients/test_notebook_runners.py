"""nbclient and papermill: notebooks without a person."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(o["text"] for o in cell.outputs if o["output_type"] == "stream")


def test_nbclient_runs_ordinary_and_training_cells(notebook: nbformat.NotebookNode) -> None:
    NotebookClient(notebook, timeout=60).execute()
    assert text_of(notebook.cells[0]) == "ordinary 42\n"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text_of(notebook.cells[1]))
    assert {"worker-0 | rank 0", "worker-1 | rank 1"} <= set(plain.splitlines())


def test_the_status_in_a_saved_notebook_is_the_last_one(notebook: nbformat.NotebookNode) -> None:
    NotebookClient(notebook, timeout=60).execute()
    shown = [o["data"]["text/plain"] for o in notebook.cells[1].outputs if o["output_type"] == "display_data"]
    assert len(shown) == 1
    assert shown[0].startswith("succeeded")


def test_nbclient_stops_at_the_replicas_error(failing: nbformat.NotebookNode) -> None:
    with pytest.raises(CellExecutionError) as raised:
        NotebookClient(failing, timeout=60).execute()
    assert (raised.value.ename, raised.value.evalue) == ("ValueError", "bad batch")
    assert "worker-1" in str(raised.value)


def papermill(notebook: nbformat.NotebookNode, folder: Path) -> subprocess.CompletedProcess[str]:
    nbformat.write(notebook, folder / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "--log-output", "in.ipynb", "out.ipynb"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=100)


def test_papermill_streams_lines_and_ends_well(notebook: nbformat.NotebookNode, tmp_path: Path) -> None:
    ran = papermill(notebook, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "rank 1" in ran.stdout + ran.stderr


def test_papermill_ends_with_the_replicas_error(failing: nbformat.NotebookNode, tmp_path: Path) -> None:
    ran = papermill(failing, tmp_path)
    assert ran.returncode == 1
    assert "ValueError: bad batch" in ran.stderr
