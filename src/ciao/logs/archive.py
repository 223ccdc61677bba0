"""The logs of a job on this machine's disk: one file a replica, which only grows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import StateError
from ciao.logs.lines import EPOCH, parse
from ciao.model import Line

__all__ = ["CHUNK", "Kept", "Tail", "prune"]

CHUNK = 1024 * 1024
"""How many bytes one read takes at most, so that a long log is never in memory as a whole."""


class Tail:
    """Reads what is new in one replica's log.

    ``offset`` is all there is to resume with: given back to another Tail, even in another process, it makes every
    line come exactly once. ``more``: the last read left bytes behind that were already there.
    """

    def __init__(self, replica: str, path: Path, *, offset: int = 0) -> None:
        self.replica = replica
        self.path = path
        self.offset = offset
        self.more = False
        self._stamp = EPOCH

    def read(self, limit: int = CHUNK, *, ended: bool = False) -> list[Line]:
        """The next complete lines, of about ``limit`` bytes at most; a longer line comes whole.

        A last line without its newline is held back, unless ``ended`` says that nobody writes any more. A file that
        does not exist has no lines yet. Raises StateError for one that cannot be read.
        """
        data = self._chunk(limit)
        complete = len(data) if ended and not self.more else data.rfind(b"\n") + 1
        lines = parse(self.replica, data[:complete], after=self._stamp)
        self.offset += complete
        if lines:
            self._stamp = lines[-1].stamp
        return lines

    def _chunk(self, limit: int) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(self.offset)
                data = file.read(min(limit, max(0, size - self.offset)))
                while b"\n" not in data and self.offset + len(data) < size:  # a line longer than the limit
                    data += file.read(min(max(limit, len(data)), size - self.offset - len(data)))
        except FileNotFoundError:
            self.more = False
            return b""
        except OSError as error:
            raise StateError(f"the log {self.path} cannot be read: {error.strerror}") from error
        self.more = self.offset + len(data) < size
        return data


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
