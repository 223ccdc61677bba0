"""What a job leaves on this machine."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of every process")


def left_of(job: str) -> list[bytes]:
    """The command lines of processes that have the job's name in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"CIAO_JOB={job}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes())
    return found


def until(true: Callable[[], bool]) -> None:
    """Wait for other processes, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come to this in 30 s"
        time.sleep(0.01)
