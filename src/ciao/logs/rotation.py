"""A log that grows without end in a bounded number of bytes: written in pieces, of which those in the middle go.

::

    worker-0.log                the beginning, which stays
    worker-0@33554432.log       what follows byte 33,554,432 of the log
    worker-0@67108864.log       and so on; the last one grows

A piece ends with a line, and never changes once another follows it. It is named by the place at which it begins: so
whoever has read one to its end knows the name of the next, and a place in the log is one number, whatever went. Of the
piece behind the beginning an empty file stays when it goes, which tells that something did.

The supervisor of local jobs imports this module before anything runs: standard library only, and little of it.
"""

from __future__ import annotations

import contextlib
import os

__all__ = ["LEAST", "PIECES", "Pieces", "following", "share", "starts"]

PIECES = 8
"""Into so many a log is cut, of the size that it may have in all."""

LEAST = 1 << 20
"""Bytes of a log that are kept however little is allowed."""


def share(keep: int, *, replicas: int, of: int) -> int:
    """How much of each log may be kept so that those of all replicas are not more than ``of``."""
    return max(LEAST, min(keep, of // max(1, replicas)))


def following(path: str, start: int) -> str:
    """The piece of this log that begins at byte ``start``."""
    return path if start == 0 else f"{path.removesuffix('.log')}@{start}.log"


def starts(path: str) -> list[int]:
    """Where the pieces of this log begin that are there, in order."""
    folder, name = os.path.split(path)
    head = f"{name.removesuffix('.log')}@"
    found = [0]
    with contextlib.suppress(FileNotFoundError), os.scandir(folder or ".") as entries:
        for entry in entries:
            number = entry.name[len(head) : -len(".log")]
            if entry.name.startswith(head) and number.isascii() and number.isdigit():
                found.append(int(number))
    return sorted(found)


class Pieces:
    """Where the one who writes a log writes next.

    ``keep`` is how many bytes of it may be there at once; more only if what is written at once is a large part of it.
    """

    def __init__(self, path: str, keep: int) -> None:
        self._path = path
        self._keep = max(keep, LEAST)
        self._starts = starts(path) if os.path.exists(path) else [0]  # noqa: PTH110  # pathlib costs milliseconds here
        self._size = _size(self.path)

    @property
    def path(self) -> str:
        """The piece that grows."""
        return following(self._path, self._starts[-1])

    def open(self) -> int:
        """A descriptor that appends to it."""
        return _appending(self.path)

    def turn(self, count: int) -> int | None:
        """Make room for ``count`` bytes of whole lines: a new descriptor, if those do not belong where others went."""
        if not self._size or self._size + count <= self._keep // PIECES:
            self._size += count
            return None
        begin = self._starts[-1] + _size(self.path)  # exactly: some of what was counted may not have been written
        try:
            new = _appending(following(self._path, begin))
        except OSError:  # a full disk: on in the old one
            self._size += count
            return None
        self._starts.append(begin)
        self._size = count
        self._drop(max(count, self._keep // PIECES))
        return new

    def _drop(self, room: int) -> None:
        """Let go of the oldest pieces but the first, so that there is room in the last."""
        first, last = self._starts[1], self._starts[-1]
        oldest = last + room - (self._keep - first)
        for start in [s for s in self._starts[1:-1] if s < oldest]:
            with contextlib.suppress(OSError):
                if start == first:
                    os.truncate(following(self._path, start), 0)
                else:
                    os.unlink(following(self._path, start))  # noqa: PTH108  # pathlib costs milliseconds here
                    self._starts.remove(start)


def _appending(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  # pathlib costs milliseconds here
    except OSError:
        return 0
