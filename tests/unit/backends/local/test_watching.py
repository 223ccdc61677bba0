"""A job's folder is told in the order in which things happened, however late one looks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ciao.backends.local.watching import Watcher
from ciao.home import SCHEMA, JobFolder
from ciao.logs import archive
from ciao.logs.lines import stamp
from ciao.model import Attempt, Finished, Job, Lines

JOB = Job(name="j-x2v9q", backend="local", framework="pytorch", replicas=("worker-0", "worker-1"), created=1.0)
ERROR = {"type": "error", "time": 12.0, "error": {"ename": "ValueError", "evalue": "no luck"}}


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    found = JobFolder.of(tmp_path, JOB.name)
    found.create()
    found.write(found.job_file, {"schema": SCHEMA, "job": dataclasses.asdict(JOB)})
    found.logs.mkdir()
    return found


def wrote(folder: JobFolder, replica: str, *lines: tuple[float, str]) -> None:
    with folder.log_file(replica).open("a") as log:
        log.writelines(f"{stamp(int(when * 1e9))} {text}\n" for when, text in lines)


def noted(folder: JobFolder, *entries: dict[str, Any]) -> None:
    with folder.journal_file.open("a") as journal:
        journal.writelines(json.dumps(entry) + "\n" for entry in entries)


def attempt(number: int, time: float) -> dict[str, Any]:
    return {"event": "attempt", "time": time, "number": number, "of": 3}


def failed(time: float) -> dict[str, Any]:
    return {"event": "record", "time": time, "replica": "worker-1", "record": {**ERROR, "time": time}}


def told(watcher: Watcher) -> Iterator[str]:
    """What one look tells, as words."""
    for event in watcher.look():
        if isinstance(event, Lines):
            yield from (line.text for line in event.lines)
        elif isinstance(event, Attempt):
            yield f"attempt {event.number}"
        elif isinstance(event, Finished):
            yield "finished"


ENTRIES = (attempt(1, 10.0), failed(12.0), attempt(2, 20.0), failed(22.0), attempt(3, 30.0), failed(32.0))
END = {"event": "finished", "time": 40.0, "phase": "failed", "reason": ""}


def test_an_attempt_begins_between_the_lines_of_the_one_before_and_its_own(folder: JobFolder) -> None:
    wrote(folder, "worker-0", (11.0, "try 1"), (21.0, "try 2"), (31.0, "try 3"))
    wrote(folder, "worker-1", (11.5, "no luck 1"), (21.5, "no luck 2"))
    noted(folder, *ENTRIES, END)
    watcher = Watcher(folder)
    words = ["try 1", "no luck 1", "attempt 2", "try 2", "no luck 2", "attempt 3", "try 3"]
    assert list(told(watcher)) == words
    assert list(told(watcher)) == ["finished"]


def test_an_attempt_waits_for_what_is_unread_of_the_one_before(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "AT_ONCE", 0)
    monkeypatch.setattr(archive, "SMALL", 100)  # two lines a look
    wrote(folder, "worker-0", *((11.0 + i / 10, f"line {i}") for i in range(7)), (21.0, "try 2"))
    noted(folder, *ENTRIES[:3])
    watcher = Watcher(folder)
    looks = [list(told(watcher)) for _ in range(5)]
    assert len(looks[0]) < 7
    assert [text for look in looks for text in look] == [*(f"line {i}" for i in range(7)), "attempt 2", "try 2"]


def test_what_comes_later_is_told_when_it_comes(folder: JobFolder) -> None:
    noted(folder, attempt(1, 10.0))
    watcher = Watcher(folder)
    assert list(told(watcher)) == []
    wrote(folder, "worker-0", (11.0, "try 1"))
    assert list(told(watcher)) == ["try 1"]
    noted(folder, failed(12.0), attempt(2, 20.0), END)
    assert list(told(watcher)) == ["attempt 2"]
    assert list(told(watcher)) == ["finished"]


@pytest.mark.parametrize("damage", [{"time": None}, {"time": "x"}, {"number": "x"}, {"number": []}])
def test_a_damaged_entry_holds_nothing_up(folder: JobFolder, damage: dict[str, Any]) -> None:
    wrote(folder, "worker-0", (11.0, "try 1"))
    noted(folder, {**attempt(2, 20.0), **damage}, END)
    watcher = Watcher(folder)
    assert list(told(watcher)) == ["try 1"]
    assert list(told(watcher)) == ["finished"]
