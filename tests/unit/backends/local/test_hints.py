"""What to do next, when that depends on where replicas run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciao.backends.local.hints import files_made, hint
from ciao.home import JobFolder
from ciao.model import Failure


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    notebook = tmp_path / "notebook"
    notebook.mkdir()
    (notebook / "mine.py").touch()
    (notebook / "data.csv").touch()
    (notebook / "code.py").touch()
    (notebook / "data").mkdir()
    (notebook / "own" / "deeper").mkdir(parents=True)
    (notebook / "own" / "deeper" / "part.py").touch()
    folder = JobFolder(tmp_path / "jobs" / "job-x2v9q")
    folder.work.mkdir(parents=True)
    process = {"argv": ["/opt/py/bin/python"], "env": {"CIAO_NOTEBOOK_DIR": str(notebook)}}
    folder.launch_file.write_text(json.dumps({"processes": [process]}))
    return folder


def failure(ename: str, evalue: str) -> Failure:
    return Failure(replica="worker-0", kind="exception", time=0.0, ename=ename, evalue=evalue)


@pytest.mark.parametrize(
    ("ename", "evalue", "words"),
    [
        (
            "ModuleNotFoundError",
            "No module named 'torch'",
            "worker-0 runs /opt/py/bin/python: add %package=torch, install",
        ),
        ("ModuleNotFoundError", "No module named 'sklearn.svm'", "add %package=scikit-learn,"),
        ("ModuleNotFoundError", "No module named 'os.x'; 'os' is not a package", "own library, which has no os.x"),
        ("ModuleNotFoundError", "No module named 'tkinter'", "and this one lacks it: choose another with %python="),
        ("ModuleNotFoundError", "No module named 'code'", "%include=code.py"),
        ("ModuleNotFoundError", "No module named 'own'", "%include=own/"),
        ("ModuleNotFoundError", "No module named 'data'", "add %package=data,"),
        ("ModuleNotFoundError", "No module named 'mine.part'", "%include=mine.py"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'data.csv'", 'os.environ["CIAO_NOTEBOOK_DIR"], '),
        ("EOFError", "EOF when reading a line", "no keyboard"),
        ("ValueError", "Number of processes must be defined.", 'int(os.environ["NUM_PROCESSES"])'),
    ],
)
def test_a_failure_of_the_place_comes_with_its_remedy(folder: JobFolder, ename: str, evalue: str, words: str) -> None:
    assert words in hint(failure(ename, evalue), folder)


def test_what_to_do_about_memory_needs_no_files(tmp_path: Path) -> None:
    limit = failure("OOMKilled", "it used more memory than its limit of 1Gi: 1.2Gi when it was ended (exit code 137)")
    assert hint(limit, JobFolder(tmp_path), ("worker-0", "worker-1")) == "Raise it, for example %worker=2;%memory=2Gi"
    machine = failure("OOMKilled", "this machine had no memory left, and the system killed it")
    assert "state what each may use with %memory=" in hint(machine, JobFolder(tmp_path))


@pytest.mark.parametrize(
    ("ename", "evalue"),
    [
        ("ValueError", "bad batch"),
        ("EOFError", "Ran out of input"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'nowhere.csv'"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/etc/nowhere'"),
    ],
)
def test_other_failures_come_without(folder: JobFolder, ename: str, evalue: str) -> None:
    assert hint(failure(ename, evalue), folder) == ""


def test_a_job_whose_files_are_gone_has_no_hint(tmp_path: Path) -> None:
    assert hint(failure("ModuleNotFoundError", "No module named 'x'"), JobFolder(tmp_path)) == ""


def test_files_that_replicas_wrote_are_named(folder: JobFolder) -> None:
    assert files_made(folder) == ""
    for number in range(6):
        (folder.work / f"shard-{number}").touch()
    shown = "shard-0, shard-1, shard-2, shard-3 and 2 more"
    assert files_made(folder) == f"files of the job in {folder.work}: {shown}"
