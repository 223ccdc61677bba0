"""Processes that a replica started and that left its process group: they end with the job all the same."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

__all__ = ["adopt", "end_all", "kill_strays"]

PR_SET_CHILD_SUBREAPER = 36

LOOKS = 20
"""Of whoever starts processes faster than they are killed, some are left."""

GONE = 1.0
"""Seconds at most for those that were killed to be gone. A quiet machine needs none, a busy one has to come to it."""


def adopt() -> None:
    """Become the parent of every descendant whose own parent ends. Linux only; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes  # ten milliseconds: not before the replicas were started

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all(job: str, *, within: float) -> None:
    """Kill and reap all children that this process has, and the ones it then inherits, for so many seconds at most.

    Then whoever left before we could adopt it.
    """
    deadline = time.monotonic() + within
    while children := _children():
        for pid in children:
            _kill(pid)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    kill_strays(job)


def kill_strays(job: str, replica: str | None = None) -> None:
    """Kill every process that has the job's name (and the replica's) in its environment, until it is gone. Linux only.

    They inherit it, whatever session or parent they gave themselves. Only their own user may look there.
    """
    wanted = {f"CIAO_JOB={job}".encode()} | ({f"CIAO_REPLICA={replica}".encode()} if replica else set())
    killed: set[int] = set()
    for _ in range(LOOKS):  # one may have started another while we looked
        fresh = {pid for pid in _processes() if pid not in killed and wanted <= _environment(pid)}
        if not fresh:
            break
        for pid in fresh:
            _kill(pid)
        killed |= fresh
    deadline = time.monotonic() + GONE
    while time.monotonic() < deadline and (killed := {pid for pid in killed if wanted <= _environment(pid)}):
        time.sleep(0.001)


def _environment(pid: int) -> set[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  # as below
            return set(file.read().split(b"\0"))
    except OSError:
        return set()


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208  # as below
    except OSError:
        return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    if sys.platform != "linux":
        return []
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123  # pathlib costs milliseconds here
            return [int(pid) for pid in file.read().split()]
    except (OSError, ValueError):
        return []
