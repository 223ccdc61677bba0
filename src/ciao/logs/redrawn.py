"""What a progress bar draws over itself: a terminal shows the last state alone, a log has them all.

A cell shows one state a second of each replica::

    lines -> plain: passed on, below the state that waits
          -> redrawn: passed on if none was within a second, else it waits in the place of the one that waited

A state in whose place a newer one came is not lost: the log has it, and nobody misses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from ciao.model import Line

__all__ = ["EVERY", "LONGEST", "Redrawn"]

EVERY = 1.0
"""Seconds between two states of one replica."""

LONGEST = 4_000
"""Characters of the longest line that is a state; a longer one is passed on as a plain line."""


class Redrawn:
    """Holds one line of each replica at most. ``now`` is any clock in seconds that does not go back."""

    def __init__(self) -> None:
        self._waiting: dict[str, Line] = {}
        self._shown: dict[str, float] = {}  # when each replica's last state was passed on

    @property
    def held(self) -> int:
        """Bytes of lines in memory."""
        return sum(len(line.text.encode("utf-8", "replace")) for line in self._waiting.values())

    def add(self, lines: Sequence[Line], now: float) -> Sequence[Line]:
        """Lines in the order in which they are to be shown: those that may be shown now."""
        if not self._waiting and not any(map(itemgetter(3), lines)):
            return lines
        return [passed for line in lines for passed in self._passed(line, now)]

    def due(self, now: float) -> list[Line]:
        """The states that waited long enough."""
        late = [name for name in self._waiting if self._shown[name] + EVERY <= now]
        self._shown.update(dict.fromkeys(late, now))
        return [self._waiting.pop(name) for name in late]

    def release(self, replica: str | None = None) -> list[Line]:
        """The last state of this replica or of all, at the end."""
        names = [replica] if replica is not None else list(self._waiting)
        return [self._waiting.pop(name) for name in names if name in self._waiting]

    def _passed(self, line: Line, now: float) -> Iterator[Line]:
        name = line.replica
        if not line.redrawn or len(line.text) > LONGEST:
            yield from self.release(name)
            yield line
        elif name in self._shown and now < self._shown[name] + EVERY:
            self._waiting[name] = line
        else:
            self._waiting.pop(name, None)
            self._shown[name] = now
            yield line
