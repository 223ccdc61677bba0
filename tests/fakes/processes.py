"""What a job leaves on this machine."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of every process")


def left_of(job: str) -> list[bytes]:
    """The command lines of processes that have the job's name in their environment."""
    variable = f"CIAO_JOB={job}".encode()
    return [command for command, environment in _processes() if variable in environment]


def left_in(home: Path) -> list[bytes]:
    """The command lines of processes that belong to any job below this ``$CIAO_HOME``, or name a file there."""
    folder, jobs = f"{home}/".encode(), {f"CIAO_JOB={path.name}".encode() for path in home.glob("jobs/*")}
    return [command for command, environment in _processes() if folder in command or not jobs.isdisjoint(environment)]


def _processes() -> Iterator[tuple[bytes, list[bytes]]]:
    """Command line and environment of each that is ours to look at."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (process / "cmdline").read_bytes(), (process / "environ").read_bytes().split(b"\0")


def until(true: Callable[[], bool]) -> None:
    """Wait for other processes, for a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come to this in 60 s"
        time.sleep(0.01)
