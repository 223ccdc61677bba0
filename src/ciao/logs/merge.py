"""The lines of several replicas in one order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, islice
from operator import itemgetter

from ciao.logs.lines import EPOCH
from ciao.model import Line

__all__ = ["Merge"]


class Merge:
    """Orders lines by their stamps, and keeps each replica's own order whatever its stamps say.

    A log is read in pieces. While one replica's has more to read, lines of the others that are later than what was
    read of it wait, so that a replay shows the order in which things happened::

        for tail in tails:
            if not merge.holds(tail.replica):  # else memory would grow with the log
                merge.add(tail.replica, tail.read(), more=tail.more)
        lines = merge.take()
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[list[str], list[Line]]] = {}
        self._read_to: dict[str, str] = {}
        self._unread: set[str] = set()

    def add(self, replica: str, lines: Sequence[Line], *, more: bool = False) -> None:
        """Lines of one replica that follow those added before. ``more``: further ones could be read at once."""
        start = self._read_to.get(replica, EPOCH)
        # Clocks are set back now and then; a stamp then counts as that of the line before.
        keys = list(islice(accumulate(map(itemgetter(1), lines), max, initial=start), 1, None))
        waiting = self._waiting.setdefault(replica, ([], []))
        waiting[0].extend(keys)
        waiting[1].extend(lines)
        self._read_to[replica] = keys[-1] if keys else start
        (self._unread.add if more else self._unread.discard)(replica)

    def holds(self, replica: str) -> bool:
        """Whether lines of this replica wait until others are read further."""
        return bool(self._waiting.get(replica, ([], []))[0])

    def take(self) -> list[Line]:
        """All lines whose place is known, in order. Empty only if none wait, or a replica has yet to be read."""
        limit = min((self._read_to[r] for r in self._unread), default=None)
        ready: list[tuple[str, Line]] = []
        for keys, lines in self._waiting.values():
            cut = len(keys) if limit is None else bisect_right(keys, limit)
            ready.extend(zip(keys[:cut], lines[:cut], strict=True))
            del keys[:cut], lines[:cut]
        ready.sort(key=itemgetter(0))  # stable, and fast on runs that are sorted already
        return [line for _, line in ready]
