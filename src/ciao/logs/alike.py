"""Lines that several replicas say alike, within a moment of one another, become one line of all of them.

Each replica's lines wait in a queue of its own, for as short as can be::

    lines -> passed on at once, while no two replicas were heard to say the same
          -> queues -> all that speak have said it: one line, at once
                    -> HOLD is over: one line of those who have said it by then

Before a line that goes out those in front of it do, so each replica's own order never changes. Whether to wait at all
is learned: from the first line that two said, until many in a row that nobody repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter

from ciao.logs.lines import seconds
from ciao.logs.pieces import OVERHEAD, together
from ciao.model import Line

__all__ = ["BYTES", "HOLD", "LINES", "LONGEST", "Alike"]

HOLD = 0.25
"""Seconds that a line waits at most for others to say it."""

LINES, BYTES = 5_000, 1_000_000
"""How much waits at most, of all replicas."""

LONGEST = 1_000
"""Characters of the longest line that is compared."""

_APART = 2.0  # seconds between two stamps beyond which lines are no echo of one another: a log may be told again
_NEAR = 8  # so many lines of a replica may go first for the sake of one that others say
_PATIENCE = 50  # lines of each replica that may wait in vain before nobody waits any more
_BATCHES, _MANY = 16, 200  # that are remembered; one with more different lines is a flood, which is not


class Alike:
    """``now`` is any clock in seconds that does not go back. Without ``on`` every line is passed on at once.

    A line of several replicas has their names joined, see :func:`ciao.logs.pieces.together`.
    """

    def __init__(self, *, on: bool = True) -> None:
        self._on = on
        self._speaking: set[str] = set()
        self._hope = 0  # so many lines may yet wait in vain
        self._recent: deque[tuple[float, dict[str, str]]] = deque(maxlen=_BATCHES)  # who said what of late
        self._queues: dict[str, deque[Line]] = {}
        self._said: dict[str, dict[str, int]] = {}  # how often each text is in whose queue
        self._order: deque[tuple[float, str, int]] = deque()  # when each came, whose it is, the how manieth of those
        self._came: dict[str, int] = {}
        self._went: dict[str, int] = {}
        self._lines = self._bytes = 0

    @property
    def held(self) -> int:
        """The cost of the lines in memory."""
        return self._bytes

    def add(self, lines: Sequence[Line], now: float) -> Sequence[Line]:
        """Lines in the order in which they are to be shown: those that may be shown now."""
        if not self._on or not lines:
            return lines
        self._speaking.update(map(itemgetter(0), lines))
        if not self._lines and not self._hope and not self._echoed(lines, now):
            return lines
        passed = [one for line in lines for one in self._push(line, now)]
        return passed if self._hope else [*passed, *self.release()]

    def due(self, now: float) -> list[Line]:
        """What has waited long enough."""
        passed: list[Line] = []
        while self._order and self._order[0][0] + HOLD <= now:
            passed += self._oldest()
        return passed

    def leave(self, replica: str) -> None:
        """It has ended: nobody waits for it any more."""
        self._speaking.discard(replica)

    def release(self) -> list[Line]:
        """All that waits."""
        passed: list[Line] = []
        while self._order:
            passed += self._oldest()
        return passed

    def _echoed(self, lines: Sequence[Line], now: float) -> bool:
        """Whether two replicas say the same, in these lines or a moment ago. Quick, for a flood mostly does not."""
        said = set(map(itemgetter(2, 0), lines))
        texts = dict(said)
        found = len(texts) < len(said)
        while self._recent and self._recent[0][0] + HOLD <= now:
            self._recent.popleft()
        if any(before[text] != texts[text] for _, before in self._recent for text in before.keys() & texts.keys()):
            self._hope, found = self._patience, True
        if len(texts) <= _MANY:
            self._recent.append((now, {text: replica for text, replica in said if len(text) <= LONGEST}))
        return found

    @property
    def _patience(self) -> int:
        return _PATIENCE * len(self._speaking)

    def _push(self, line: Line, now: float) -> Iterator[Line]:
        replica, text = line.replica, line.text
        if len(text) > LONGEST:
            yield from self._before(replica, None)
            yield line
            return
        self._queues.setdefault(replica, deque()).append(line)
        number = self._came.get(replica, 0)
        self._came[replica] = number + 1
        self._order.append((now, replica, number))
        self._lines += 1
        self._bytes += _cost(text)
        said = self._said.setdefault(text, {})
        said[replica] = said.get(replica, 0) + 1
        if len(said) >= len(self._speaking):
            yield from self._say(line)
        while self._lines > LINES or self._bytes > BYTES:
            yield from self._oldest()

    def _oldest(self) -> Iterator[Line]:
        """The line that waits longest, with all who have said the same; nothing if it is gone already."""
        _, replica, number = self._order.popleft()
        if number >= self._went.get(replica, 0):
            yield from self._say(self._queues[replica][0])

    def _say(self, line: Line) -> Iterator[Line]:
        """This line, of all who have it near the head of their queues."""
        who = []
        for replica in list(self._said[line.text]):
            if self._near(replica, line):
                yield from self._before(replica, line.text)
                who.append(replica)
        if who:
            yield self._taken(who, line)

    def _near(self, replica: str, line: Line) -> bool:
        first = islice(self._queues[replica], _NEAR + 1)
        same = next((one for one in first if one.text == line.text), None)
        return same is not None and _close(same.stamp, line.stamp)

    def _before(self, replica: str, text: str | None) -> Iterator[Line]:
        """The lines in front of this text, or all; each with those who happen to be at the same point."""
        queue = self._queues.get(replica, deque())
        while queue and queue[0].text != text:
            head = queue[0]
            who = [other for other in self._said[head.text] if self._queues[other][0].text == head.text]
            yield self._taken(who, head)

    def _taken(self, who: list[str], line: Line) -> Line:
        """The heads of these queues, which are alike, as one line."""
        said = self._said[line.text]
        for replica in who:
            self._queues[replica].popleft()
            self._went[replica] = self._went.get(replica, 0) + 1
            said[replica] -= 1
            if not said[replica]:
                del said[replica]
        if not said:
            del self._said[line.text]
        self._lines -= len(who)
        self._bytes -= len(who) * _cost(line.text)
        self._hope = self._patience if len(who) > 1 else max(0, self._hope - 1)
        return line._replace(replica=together(who)) if len(who) > 1 else line


def _cost(text: str) -> int:
    return (len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) + OVERHEAD


def _close(one: str, other: str) -> bool:
    """Whether two stamps, which may be empty, are of one moment."""
    return one[:19] == other[:19] or abs(seconds(one) - seconds(other)) <= _APART
