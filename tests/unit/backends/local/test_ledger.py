"""The journal as its only writer has it, on a disk that is full for a while or to the end."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.backends.local.journal import Journal
from ciao.backends.local.ledger import Ledger

Disk = Callable[[int | None], None]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Call it with the bytes that the disk still takes; None: any number."""
    room: list[int | None] = [None]
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if room[0] is None:
            return real(fd, data)
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(fd, bytes(data[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr("ciao.backends.local.ledger.os.write", write)
    return lambda left: room.__setitem__(0, left)


def read(path: Path) -> list[object]:
    return [e["event"] for e in Journal(path).read()]


def test_what_finds_the_disk_full_is_written_once_there_is_room(tmp_path: Path, disk: Disk) -> None:
    ledger = Ledger(str(tmp_path / "j"))
    ledger.note("one")
    disk(5)
    ledger.note("two")
    ledger.note("three")
    assert read(tmp_path / "j") == ["one"]
    disk(None)
    ledger.note("four")
    assert read(tmp_path / "j") == ["one", "two", "three", "four"]


def test_the_end_is_written_into_the_reserve(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(str(tmp_path / "j"))
    disk(10)
    ledger.note("record", text="x" * 1000)
    ledger.note("finished")
    monkeypatch.setattr("ciao.backends.local.ledger.os.unlink", lambda _: disk(64 * 1024))
    ledger.close()
    assert read(tmp_path / "j") == ["record", "finished"]


def test_what_is_too_long_for_the_reserve_is_left_out(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(str(tmp_path / "j"))
    disk(10)
    ledger.note("record", text="x" * 300_000)
    ledger.note("finished")
    monkeypatch.setattr("ciao.backends.local.ledger.os.unlink", lambda _: disk(64 * 1024))
    ledger.close()
    assert read(tmp_path / "j") == ["finished"]


def test_the_reserve_is_given_back(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "j"))
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) == 64 * 1024
    ledger.note("finished")
    ledger.close()
    assert [json.loads(p.read_text())["event"] for p in tmp_path.iterdir()] == ["finished"]
