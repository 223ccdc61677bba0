"""The logs of a job on this machine's disk: one of each replica, which only grows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import StateError
from ciao.logs.lines import EPOCH, parse
from ciao.logs.rotation import following, starts
from ciao.model import Line

__all__ = ["CHUNK", "Kept", "Tail", "chunk", "prune"]

CHUNK = 1024 * 1024
"""How many bytes one read takes at most, so that a long log is never in memory as a whole."""

AT_ONCE = 4 * CHUNK
"""The same for the logs of all replicas together ..."""

SMALL = 64 * 1024
"""... unless they are so many that this would be less for one."""


class Tail:
    """Reads what is new in one replica's log, through all of its pieces (see :mod:`ciao.logs.rotation`).

    ``offset`` is all there is to resume with: given back to another Tail, even in another process, it makes every
    line come exactly once. ``more``: the last read left bytes behind that were already there. Where a part of the log
    is not kept, a line says how much that is; ``lost`` is all of it so far, in bytes.
    """

    def __init__(self, replica: str, path: Path, *, offset: int = 0) -> None:
        self.replica = replica
        self.path = path
        self.offset = offset
        self.more = False
        self.lost = 0
        self._stamp = EPOCH
        self._log = str(path)
        self._start = 0  # where the piece begins in which we are
        self._closed = False  # what was read goes to the end of one that another follows

    def read(self, limit: int = CHUNK, *, ended: bool = False) -> list[Line]:
        """The next complete lines, of about ``limit`` bytes at most; a longer line comes whole.

        A last line without its newline is held back, unless ``ended`` says that nobody writes any more. A file that
        does not exist has no lines yet. Raises StateError for one that cannot be read.
        """
        try:
            lost = self._turn()
            data = self._chunk(limit)
        except FileNotFoundError:  # it went between two looks; the next finds what follows
            data, self.more = b"", self._start > 0
        except OSError as error:
            raise StateError(f"the log {self.path} cannot be read: {error.strerror}") from error
        whole = self._closed or (ended and not self.more)
        complete = len(data) if whole else data.rfind(b"\n") + 1
        lines = parse(self.replica, data[:complete], after=self._stamp)
        self.offset += complete
        if lines:
            self._stamp = lines[-1].stamp
        if lost:
            self.lost += lost
            lines.insert(0, Line(self.replica, lines[0].stamp if lines else self._stamp, _missing(lost)))
        return lines

    def _turn(self) -> int:
        """Go to the piece that has the next byte; how many bytes before it are not kept."""
        here = self.offset - self._start
        size = self._size(self._start)
        if here < size or not self.offset:
            return 0
        if size and here == size:
            if not self._exists(self.offset):
                return 0
            self._start = self.offset
            if self._size(self._start):
                return 0
        found = starts(self._log)
        after = [start for start in found if start > self.offset]
        self._start = found[len(found) - len(after) - 1]
        if not after or self.offset < self._start + self._size(self._start):
            return 0
        lost = after[0] - self.offset
        self._start = self.offset = after[0]
        return lost

    def _chunk(self, limit: int) -> bytes:
        self.more = self._closed = False
        if self._size(self._start) <= self.offset - self._start:
            return b""
        with open(following(self._log, self._start), "rb", buffering=0) as file:  # noqa: PTH123 - of every look
            size = os.fstat(file.fileno()).st_size
            end = self._start + size
            file.seek(self.offset - self._start)
            data = file.read(min(limit, max(0, end - self.offset)))
            while b"\n" not in data and self.offset + len(data) < end:  # a line longer than the limit
                data += file.read(min(max(limit, len(data)), end - self.offset - len(data)))
        read_to = self.offset + len(data)
        self._closed = read_to == end and self._exists(end)
        self.more = read_to < end or self._closed
        return data

    def _size(self, start: int) -> int:
        try:
            return os.stat(following(self._log, start)).st_size  # noqa: PTH116 - at every look
        except FileNotFoundError:
            return 0

    def _exists(self, start: int) -> bool:
        return os.path.exists(following(self._log, start))  # noqa: PTH110 - at every look


def chunk(replicas: int) -> int:
    """How many bytes to read of each log, where those of so many are read by turns."""
    return min(CHUNK, max(SMALL, AT_ONCE // max(1, replicas)))


def _missing(lost: int) -> str:
    return f"… {lost:,} bytes are not kept here: of a long log its beginning and its newest part are (keep.log)"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The folder of one job, as far as pruning needs to know. ``ended`` is epoch seconds, ``size`` bytes."""

    name: str
    size: int
    ended: float = 0.0
    running: bool = False


def prune(folders: Iterable[Kept], *, keep_for: float, keep_bytes: int, now: float) -> list[Kept]:
    """What to remove, oldest first: what ended longer ago than ``keep_for``, then what exceeds ``keep_bytes``.

    Running jobs are never removed and not counted, so that a chatty one does not push out the logs of the others.
    """
    ended = sorted((f for f in folders if not f.running), key=lambda f: (f.ended, f.name))
    left = sum(f.size for f in ended)
    removed = []
    for folder in ended:
        if now - folder.ended <= keep_for and left <= keep_bytes:
            break
        removed.append(folder)
        left -= folder.size
    return removed
