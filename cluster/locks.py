"""One process at a time: who comes second waits, and is told for what."""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import IO, TYPE_CHECKING

from cluster.readiness import TRY_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TELL_EVERY = 10.0
"""Seconds after which a line says that something still goes on."""


@contextlib.contextmanager
def held(path: Path, *, what: str, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of that file, which stays. A process that ends, however it ends, lets it go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        began = told = time.monotonic()
        if not _taken(file):
            progress(f"waiting for another process: {what}")
            while not _taken(file):
                time.sleep(TRY_EVERY)
                if time.monotonic() > told + TELL_EVERY:
                    told = time.monotonic()
                    progress(f"still waiting for another process after {told - began:.0f} s: {what}")
        yield


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
