"""Old jobs go; those that run, and those that others are creating, stay."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import time
from pathlib import Path

import pytest

from ciao.backends.local.pruning import prune_jobs
from ciao.home import SCHEMA, JobFolder
from ciao.model import Job

DAY = 86400.0


def folder(home: Path, name: str, *, began: float = 0.0, ended: float | None = None) -> JobFolder:
    """A job that began and ended so many seconds ago."""
    job = Job(name=name, backend="local", framework="jax", replicas=("worker-0",), created=1.0)
    found = JobFolder.of(home, name)
    found.create()
    if ended is not None:
        found.write(found.job_file, {"schema": SCHEMA, "job": dataclasses.asdict(job)})
        found.journal_file.touch()
        _aged(found.journal_file, ended)
    _aged(found.path, began)
    return found


def _aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def prune(home: Path, *, keep_for: float = 14 * DAY, keep_bytes: int = 10**9) -> list[str]:
    prune_jobs(home, keep_for=keep_for, keep_bytes=keep_bytes, now=time.time())
    return sorted(p.name for p in (home / "jobs").iterdir())


def test_a_job_is_as_old_as_its_end_not_as_its_beginning(tmp_path: Path) -> None:
    folder(tmp_path, "long", began=20 * DAY, ended=10.0)
    folder(tmp_path, "old", began=20 * DAY, ended=15 * DAY)
    assert prune(tmp_path) == ["long"]


def test_a_folder_that_another_process_is_filling_stays(tmp_path: Path) -> None:
    folder(tmp_path, "young")
    assert prune(tmp_path, keep_for=0.0, keep_bytes=0) == ["young"]


def test_a_folder_that_nobody_fills_any_more_goes(tmp_path: Path) -> None:
    folder(tmp_path, "abandoned", began=2 * DAY)
    assert prune(tmp_path) == []


def test_a_job_whose_lock_is_held_stays(tmp_path: Path) -> None:
    held = folder(tmp_path, "held", began=20 * DAY, ended=20 * DAY)
    with held.lock_file.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert prune(tmp_path, keep_bytes=0) == ["held"]


def test_what_was_left_of_a_removal_goes(tmp_path: Path) -> None:
    (tmp_path / "jobs" / ".jax-1.99.removed").mkdir(parents=True)
    assert prune(tmp_path) == []


def test_a_folder_that_vanishes_meanwhile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, "gone", began=20 * DAY, ended=20 * DAY)
    monkeypatch.setattr(JobFolder, "size", lambda self: self.remove() or 0)
    prune(tmp_path)
