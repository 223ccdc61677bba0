"""Notebooks that are executed by programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fakes.unfolded import unfolded

JOB = "%framework=pytorch\n%worker=2\n"


def notebook(*cells: str) -> nbformat.NotebookNode:
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "ciao", "display_name": "Ciao", "language": "python"}
    return made


def test_a_notebook_of_job_cells_and_ordinary_ones_is_executed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_HOME", str(home))
    made = notebook("x = 1", f"{JOB}print('trained')", "x + 1")
    NotebookClient(made, timeout=60).execute()
    status, *streams = made.cells[1].outputs
    assert status.data["text/plain"].startswith("succeeded")
    assert unfolded("".join(stream.text for stream in streams)).count("trained") == 2
    assert made.cells[2].outputs[0].data["text/plain"] == "2"


def test_a_job_in_the_background_leaves_a_status_that_is_true_in_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIAO_HOME", str(home))
    made = notebook(f"%background=true\n{JOB}import time\ntime.sleep(60)")
    NotebookClient(made, timeout=60).execute()
    assert made.cells[0].outputs[0].data["text/plain"].startswith("started in the background at ")


def test_a_failing_replica_fails_the_notebook_with_its_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_HOME", str(home))
    made = notebook(f"{JOB}raise ValueError('no data')")
    with pytest.raises(CellExecutionError) as raised:
        NotebookClient(made, timeout=60).execute()
    assert raised.value.ename == "ValueError"
    assert "raised in worker-" in raised.value.traceback


def test_papermill_exits_with_the_remote_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_HOME", str(home))
    nbformat.write(notebook("rate = 1", f"{JOB}raise ValueError('no data')"), home / "in.ipynb")
    papermill = subprocess.run(
        [sys.executable, "-m", "papermill", home / "in.ipynb", home / "out.ipynb"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert papermill.returncode == 1
    assert "ValueError: no data" in papermill.stderr
    assert "raised in worker-" in papermill.stderr
