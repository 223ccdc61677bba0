"""The folder of jobs on this machine's disk."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ciao.errors import StateError
from ciao.home import SCHEMA, JobFolder, writing
from ciao.model import Job

JOB = Job(name="jax-2x4b9", backend="local", framework="jax", replicas=("worker-0",), created=1.0)
JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
FIELDS = st.fixed_dictionaries({f: JSON | st.just(getattr(JOB, f)) for f in Job.__dataclass_fields__})


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder.of(tmp_path, JOB.name)
    folder.create()
    return folder


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def written(folder: JobFolder, job: object, *, schema: object = SCHEMA) -> JobFolder:
    folder.write(folder.job_file, {"schema": schema, "job": job})
    return folder


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "/", "a/b", "A", ".a", "a\n", "a\0", "a" * 64, "-a"])
def test_what_no_job_is_called_has_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a job's name"):
        JobFolder.of(tmp_path, name)


def test_a_job_is_read_back(folder: JobFolder) -> None:
    assert written(folder, dataclasses.asdict(JOB)).read_job() == JOB


@given(job=FIELDS | JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_job_is_a_state_error_and_never_another(folder: JobFolder, job: Any) -> None:
    written(folder, job)
    try:
        read = folder.read_job()
    except StateError:
        return
    assert isinstance(read.created, float)
    assert all(isinstance(r, str) for r in read.replicas)


def test_the_job_of_a_later_version_says_so(folder: JobFolder) -> None:
    with pytest.raises(StateError, match="has schema 99, this version reads 1"):
        written(folder, {}, schema=99).read_job()


def test_what_is_written_is_for_this_user_alone_whatever_the_umask(tmp_path: Path, no_umask: None) -> None:
    folder = JobFolder.of(tmp_path / "home", JOB.name)
    folder.create()
    written(folder, {})
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "home", folder.path, folder.job_file)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_that_is_there_is_another_jobs_and_stays(folder: JobFolder) -> None:
    written(folder, {})
    with pytest.raises(StateError, match="it is there already"):
        folder.create()
    assert folder.job_file.exists()


def test_nothing_half_written_is_left_whatever_went_wrong(folder: JobFolder) -> None:
    with pytest.raises(KeyError), writing(folder):
        raise KeyError
    assert not folder.path.exists()


def test_a_home_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = JobFolder.of(tmp_path / "link", JOB.name)
    folder.create()
    written(folder, dataclasses.asdict(JOB))
    assert [f.path.name for f in JobFolder.all(tmp_path / "real")] == [JOB.name]


def test_a_home_whose_jobs_are_no_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("")
    with pytest.raises(StateError, match=r"the folder of jobs .* cannot be read"):
        JobFolder.all(tmp_path)


def test_a_path_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="File name too long"):
        JobFolder.of(tmp_path / ("x" * 300), JOB.name).create()


def test_a_folder_that_is_being_removed_is_no_job_any_more(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, {})
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # it was cut short
    folder.remove()
    assert JobFolder.all(folder.path.parents[1]) == []
    assert [f.removed for f in JobFolder.unfinished(folder.path.parents[1])] == [True]
