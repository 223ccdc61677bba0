"""Jobs of whose end somebody is still to be told, as files: a kernel that dies leaves them to the next.

One file a job below ``$CIAO_HOME/untold``, which says whose notebook it is. The kernel that will tell holds its lock
for as long as it lives, so each end is told by one kernel, once. Where no frontend tells which notebook it is, there is
no file: another's output is no place for it.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from ciao.home import make_private

__all__ = ["Untold"]

LONGEST = 200
"""Characters of a notebook's path by which it is known: its end."""

KEPT = 14 * 86_400
"""Seconds after which nobody comes to ask any more."""


class Untold:
    """The files. What the disk refuses is not told by another kernel; nothing here raises."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def keep(self, job: str, notebook: str) -> None:
        """This kernel will tell of the job; if it dies, the next one of the notebook."""
        if not notebook:
            return
        with suppress(OSError):
            make_private(self._folder)
            opened = os.open(self._folder / job, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(opened, _known(notebook))
            self._held[job] = opened

    def drop(self, job: str) -> None:
        """Whoever had to know, knows."""
        opened = self._held.pop(job, None)
        if opened is not None:
            with suppress(OSError):
                (self._folder / job).unlink()
            os.close(opened)

    def inherit(self, notebook: str) -> list[str]:
        """Take over what is left of kernels of this notebook that are gone; the names of the jobs."""
        if not notebook:
            return []
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError:
            return []
        return [job for job in names if job not in self._held and self._takes(job, _known(notebook))]

    def _takes(self, job: str, notebook: bytes) -> bool:
        try:
            opened = os.open(self._folder / job, os.O_RDWR)
        except OSError:
            return False
        try:
            known = os.read(opened, 8 * LONGEST) == notebook
            if known or os.fstat(opened).st_mtime < time.time() - KEPT:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)  # or its kernel lives
                if known and os.fstat(opened).st_nlink:  # or it was told a moment ago
                    self._held[job] = opened
                    return True
                (self._folder / job).unlink(missing_ok=True)
        except OSError:
            pass
        os.close(opened)
        return False


def _known(notebook: str) -> bytes:
    return notebook[-LONGEST:].encode("utf-8", "replace")
