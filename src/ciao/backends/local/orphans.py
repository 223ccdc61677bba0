"""Processes that a replica started and that left its process group: they end with the job all the same."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

__all__ = ["adopt", "end_all"]

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Become the parent of every descendant whose own parent ends. Linux only; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes  # ten milliseconds: not before the replicas were started

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all(*, within: float) -> None:
    """Kill and reap all children that this process has, and the ones it then inherits, for so many seconds at most."""
    deadline = time.monotonic() + within
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > deadline:
            return
        time.sleep(0.005)


def _children() -> list[int]:
    if sys.platform != "linux":
        return []
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123  # pathlib costs milliseconds here
            return [int(pid) for pid in file.read().split()]
    except (OSError, ValueError):
        return []
