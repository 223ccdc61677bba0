"""On this machine the folder of a job has what an image would have, and the working directory what is included."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.home import JobFolder
from ciao.model import Cell, JobSpec, Target
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from fakes.asked import job, spec


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobSpec:
    """A job with a file, a program and a module."""
    (tmp_path / "nb").mkdir()
    (tmp_path / "nb" / "data.csv").write_text("a,b\n")
    (tmp_path / "nb" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "nb" / "run.sh").chmod(0o755)
    (tmp_path / "lib" / "mylib").mkdir(parents=True)
    (tmp_path / "lib" / "mylib" / "__init__.py").write_text("X = 1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib")])
    made = spec("pytorch", include=("data.csv", "run.sh", "mylib"))
    return JobSpec(**{**vars(made), "cell": Cell(text=made.code, number=7, notebook=str(tmp_path / "nb" / "n.ipynb"))})


async def test_files_go_into_the_working_directory_and_modules_beside_the_cell(of: JobSpec, tmp_path: Path) -> None:
    folder = JobFolder.of(tmp_path / "home", job(of).name)
    bundle = await Directory(Settings(home=tmp_path / "home")).build(of, job(of), Target(), print)
    assert (bundle.path, bundle.entry) == (folder.code, "cell_7.py")
    assert sorted(p.name for p in folder.code.iterdir()) == ["cell_7.py", "ciao_runner", "modules"]
    assert (folder.code / "modules" / "mylib" / "__init__.py").read_text() == "X = 1\n"
    assert (folder.work / "data.csv").read_text() == "a,b\n"
    assert (folder.work / "run.sh").stat().st_mode & 0o111
    assert folder.work.stat().st_mode & 0o777 == 0o700


async def test_a_plan_looks_for_everything_and_writes_nothing(of: JobSpec, tmp_path: Path) -> None:
    directory = Directory(Settings(home=tmp_path / "home"))
    assert (await directory.plan(of, Target())).entry == "cell_7.py"
    with pytest.raises(BundleError, match="there is no file or folder"):
        await directory.plan(JobSpec(**{**vars(of), "include": ("nothing.csv",)}), Target())
    assert not (tmp_path / "home").exists()


async def test_a_word_that_means_nothing_leaves_no_folder(of: JobSpec, tmp_path: Path) -> None:
    missing = JobSpec(**{**vars(of), "include": ("data.csv", "nothing.csv")})
    with pytest.raises(BundleError):
        await Directory(Settings(home=tmp_path / "home")).build(missing, job(of), Target(), print)
    assert not (tmp_path / "home").exists()


async def test_what_was_included_is_nobodys_work_until_it_changes(of: JobSpec, tmp_path: Path) -> None:
    await Directory(Settings(home=tmp_path / "home")).build(of, job(of), Target(), print)
    folder = JobFolder.of(tmp_path / "home", job(of).name)
    (folder.work / "__pycache__").mkdir()
    (folder.work / "__pycache__" / "helper.pyc").touch()
    assert not folder.has_files
    (folder.work / "data.csv").write_text("c,d,e\n")
    (folder.work / "model.pt").touch()
    assert sorted(folder.made()) == ["data.csv", "model.pt"]
