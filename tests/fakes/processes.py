"""What a job leaves on this machine."""

from __future__ import annotations

import contextlib
import sys
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
