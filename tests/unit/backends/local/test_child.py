"""One replica as its supervisor holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from pathlib import Path

import pytest

from ciao.backends.local.child import Child, _pipe


@pytest.fixture
def child(tmp_path: Path) -> Child:
    child = Child("worker-0", str(tmp_path / "log"))
    child._log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return child


def test_what_is_still_in_the_pipe_at_the_end_is_kept(child: Child, tmp_path: Path) -> None:
    child.output, writer = _pipe([], size=1 << 20)
    os.write(writer, b"0123456789\n" * 50_000)
    child.close()  # somebody else has the writing end
    assert (tmp_path / "log").read_bytes().count(b" 0123456789\n") == 50_000
    os.close(writer)


def test_a_line_that_a_full_disk_cut_does_not_swallow_the_next(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = os.write, [35]

    def write(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(fd, bytes(data[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr("ciao.backends.local.child.os.write", write)
    child._write(b"lost in part\n")
    room[0] = 1000
    child._write(b"whole\n")
    assert [line[31:] for line in (tmp_path / "log").read_text().splitlines()] == ["lost", "whole"]
    child.close()


def test_the_end_of_a_replica_is_when_it_was_killed_for_want_of_memory_not_when_it_was_gone(child: Child) -> None:
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
    child.pid, child.ended_at = process.pid, 5.0
    child.reaped(-9)
    assert (child.code, child.ended_at) == (-9, 5.0)
    child.close()


def test_records_without_end_take_no_memory_without_end(child: Child) -> None:
    child.records, writer = _pipe([], size=1 << 20)
    for _ in range(8):
        os.write(writer, b"x" * (1 << 18))
        assert child.read_records() == ([], True)
    assert len(child._record_rest) <= 1 << 20
    os.close(writer)
    child.close()


def open_files() -> set[tuple[int, str]]:
    """By number, and what each is."""
    found = set()
    for fd in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the list itself
            found.add((int(fd.name), str(fd.readlink())))
    return found


def test_a_replica_that_cannot_be_started_keeps_no_descriptor_open(tmp_path: Path) -> None:
    before = open_files()
    child = Child("worker-0", str(tmp_path / "log"))
    with pytest.raises(OSError, match="No such file"):
        child.start(["/nowhere/python"], {}, str(tmp_path))
    child.close()
    assert not {name for _, name in open_files() - before if "pipe" in name or str(tmp_path) in name}
