"""The journal as its only writer has it: a full disk delays what happened, it does not lose it.

Imported by the supervisor, which starts with every job: little of the standard library.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time

__all__ = ["FULL", "Ledger"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What a disk says that takes nothing more. The training needs no disk of ours: it goes on."""

RESERVE = 64 * 1024
"""Bytes kept free in a file of their own, so that the end of the job can be written on a full disk."""

SHORT = 4096
"""An entry of at most so many bytes is written even then; a longer one is a traceback."""


class Ledger:
    """Appends entries to a journal. Call ``close`` last: only then is the reserve used."""

    def __init__(self, path: str) -> None:
        self.waiting = b""
        self._torn = False  # the first entry that waits is written in part
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._reserve = f"{path}.reserve"
        with contextlib.suppress(OSError):
            reserve = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(reserve, os.urandom(RESERVE))  # zeros might take no room
            finally:
                os.close(reserve)

    def note(self, event: str, **fields: object) -> None:
        """Write one entry. A field may say another ``time`` than now."""
        entry: dict[str, object] = {"event": event, "time": time.time(), **fields}
        self.waiting += json.dumps(entry).encode() + b"\n"
        self.flush()

    def flush(self) -> bool:
        """Write what waits; False if the disk does not take it."""
        try:
            while self.waiting:
                written = os.write(self._fd, self.waiting)
                self._torn = self.waiting[written - 1 : written] != b"\n"
                self.waiting = self.waiting[written:]
        except OSError as e:
            if e.errno not in FULL:
                raise
        return not self.waiting

    def close(self) -> None:
        """Write the rest; on a full disk into the room that was kept for it, without what is too long for that."""
        full = not self.flush()
        with contextlib.suppress(OSError):
            os.unlink(self._reserve)  # noqa: PTH108  # pathlib costs milliseconds here
        if full and len(self.waiting) > RESERVE // 2:
            entries = self.waiting.splitlines(keepends=True)[self._torn :]
            self.waiting = b"\n" + b"".join(e for e in entries if len(e) <= SHORT)
        self.flush()
