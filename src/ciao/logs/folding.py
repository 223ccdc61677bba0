"""A traceback that a replica shows at its end is said again, better, as the cell's error; here it becomes one line.

Whoever wrote the traceback tells its length and checksum a moment later. So from a line on that may begin one, a
replica's lines are held back::

    lines -> passed on at once, unless something is held or a traceback begins
          -> held -> the lines of the checksum: one line in their place; all others: passed on

The checksum decides: the traceback of a handled exception that the code logged, or lines that a thread wrote in
between, are never taken for it. Nothing else is changed, and each replica's lines keep their order.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator, Sequence
from operator import itemgetter
from re import compile as pattern

from ciao.logs.pieces import OVERHEAD
from ciao.model import Line, Traced

__all__ = ["BYTES", "HOLD", "LINES", "LONG_BYTES", "LONG_LINES", "TOGETHER", "Folding"]

HOLD = 1.0
"""Seconds that a line is held at most."""

LINES, BYTES = 2_000, 64_000
"""How much may be held of each replica in any case."""

LONG_LINES, LONG_BYTES = 12_000, 1_000_000
"""How much may be held of one, for the traceback of an endless recursion, while all together are below TOGETHER."""

TOGETHER = 8_000_000
"""Bytes."""

_BEGIN = "Traceback (most recent call last):"
_GROUP = "  + Exception Group "
_POOLED = "RemoteTraceback: "
_NAMED = pattern(r"[\w.]{0,200}RemoteTraceback: $")
_CRASH = "Fatal Python error: "
_SYNTAX = pattern(r'  File ".*", line \d+')
_HINTS = (_BEGIN, '  File "', _CRASH, _POOLED)


class Folding:
    """Holds lines of several replicas. ``now`` is any clock in seconds that does not go back.

    ``spared`` counts the lines that were left out. Without ``on`` every line is passed on at once.
    """

    def __init__(self, *, on: bool = True) -> None:
        self._on = on
        self.spared = 0
        self._room = _Room()
        self._held: dict[str, _Held] = {}
        self._known: dict[str, list[tuple[Traced, str]]] = {}

    @property
    def held(self) -> int:
        """The cost of the lines in memory: at most TOGETHER, and BYTES for each replica."""
        return self._room.used

    def add(self, lines: Sequence[Line], now: float) -> Sequence[Line]:
        """Lines in the order in which they are to be shown: those that may be shown now."""
        if not self._on or (not self._held and not _hinted(lines)):
            return lines
        passed: list[Line] = []
        for line in lines:
            if line.replica in self._held or _start(line.text) >= 0:
                passed += self._hold(line, now)
            else:
                passed.append(line)
        for replica in [r for r in self._known if r in self._held]:
            passed += self._fold(replica, new=True)
        return passed

    def expect(self, traced: Traced, words: str) -> list[Line]:
        """This traceback was, or will soon be, among the lines; ``words`` are to stand for it."""
        self._known.setdefault(traced.replica, []).append((traced, words))
        return self._fold(traced.replica)

    def due(self, now: float) -> list[Line]:
        """What was held long enough."""
        passed: list[Line] = []
        for replica, held in list(self._held.items()):
            while held.lines and held.times[0] + HOLD <= now:
                passed += held.taken()
            self._forget_empty(replica)
        return passed

    def release(self, replica: str | None = None) -> list[Line]:
        """All that is held, of this replica or of all."""
        names = [replica] if replica is not None else list(self._held)
        return [line for name in names if name in self._held for line in self._held.pop(name).all()]

    def _hold(self, line: Line, now: float) -> Iterator[Line]:
        held = self._held.setdefault(line.replica, _Held(self._room))
        cost = _cost(line)
        while held.lines and not held.may_grow(cost):
            yield from held.taken()
        if cost <= BYTES and (held.lines or _start(line.text) >= 0):
            held.append(line, cost, now)
        else:
            yield line
        self._forget_empty(line.replica)

    def _fold(self, replica: str, *, new: bool = False) -> list[Line]:
        """Put words in the place of what is known and held; what was held up to there need not wait any more.

        ``new``: of what is known only lines that came since the last time can be the end.
        """
        held, known, free = self._held.get(replica), self._known.get(replica, []), 0
        if held is None:
            return []
        folded = list[Traced]()
        for one in reversed(known[:]):  # attempts may fail alike: the last for the last
            place = held.place(one[0], new=new)
            if place is not None:
                known.remove(one)
                folded.append(one[0])
                spared = held.replace(place, one[0].lines, one[1])
                self.spared += spared
                free = max(free, place + one[0].lines) - spared
        held.searched()
        free = min((held.first(traced, free) for traced in folded), default=0)
        passed = held.taken(free) if free else []
        self._forget_empty(replica)
        return passed

    def _forget_empty(self, replica: str) -> None:
        if replica in self._held and not self._held[replica].lines:
            del self._held[replica]


class _Room:
    """What all replicas together use of the memory."""

    used = 0


class _Held:
    """Lines of one replica, the first of which may begin a traceback."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._new = 0
        self.lines: list[Line] = []
        self.times: list[float] = []
        self.cost = 0
        self._costs: list[int] = []

    def append(self, line: Line, cost: int, now: float) -> None:
        self.lines.append(line)
        self.times.append(now)
        self._costs.append(cost)
        self._spend(cost)
        self._new += 1

    def may_grow(self, cost: int) -> bool:
        """There is room for another line of this cost."""
        if len(self.lines) < LINES and self.cost + cost <= BYTES:
            return True
        fits = cost <= BYTES and len(self.lines) < LONG_LINES and self.cost + cost <= LONG_BYTES
        return fits and self._room.used + cost <= TOGETHER

    def searched(self) -> None:
        """Every traceback that is known was looked for in all lines."""
        self._new = 0

    def all(self) -> list[Line]:
        """Let go of all lines."""
        return self.taken(len(self.lines))

    def taken(self, begin: int = 1) -> list[Line]:
        """Let go of ``begin`` lines and those behind them that begin no traceback."""
        count = next((i for i in range(begin, len(self.lines)) if _start(self.lines[i].text) >= 0), len(self.lines))
        taken = self.lines[:count]
        self._spend(-sum(self._costs[:count]))
        del self.lines[:count], self.times[:count], self._costs[:count]
        return taken

    def place(self, traced: Traced, *, new: bool) -> int | None:
        """Where this traceback begins: the last, if code logged what it then raised; None if it is not here.

        ``new``: or if it ends before the lines that nobody has searched.
        """
        last = len(self.lines) - traced.lines
        searched = range(last, max(last - self._new if new else -1, -1), -1)
        return next((i for i in searched if self._begins(i, traced)), None)

    def first(self, traced: Traced, before: int) -> int:
        """Where such a traceback first begins, if before that: of processes that fail alike each will tell its own."""
        return next((i for i in range(before) if self._begins(i, traced)), before)

    def _begins(self, place: int, traced: Traced) -> bool:
        begin = _start(self.lines[place].text)
        if begin < 0:
            return False
        texts = [line.text for line in self.lines[place : place + traced.lines]]
        texts[0] = texts[0][begin:]
        return crc32("".join(f"{text}\n" for text in texts).encode("utf-8", "replace")) == traced.checksum

    def replace(self, place: int, count: int, words: str) -> int:
        """Words in the place of so many lines; by how many there are fewer."""
        first = self.lines[place]
        before = first.text[: _start(first.text)]  # a progress bar that had no newline
        new = [first._replace(text=text) for text in (before, words) if text]
        costs = [_cost(line) for line in new]
        self._spend(sum(costs) - sum(self._costs[place : place + count]))
        self.lines[place : place + count] = new
        self.times[place : place + count] = [self.times[place]] * len(new)
        self._costs[place : place + count] = costs
        return count - len(new)

    def _spend(self, cost: int) -> None:
        self.cost += cost
        self._room.used += cost


def _hinted(lines: Sequence[Line]) -> bool:
    """Whether any of the lines could begin a traceback; quick, for nearly all do not."""
    joined = "\n".join(map(itemgetter(2), lines))
    return any(hint in joined for hint in _HINTS)


def _cost(line: Line) -> int:
    return len(line.text.encode("utf-8", "replace")) + OVERHEAD


def _start(text: str) -> int:
    """Where in the line a traceback begins, -1 if it does not."""
    if text.endswith(_BEGIN):
        begin = len(text) - len(_BEGIN)
        return begin - len(_GROUP) if text.endswith(_GROUP + _BEGIN) else begin
    if text.endswith(_POOLED) and (name := _NAMED.search(text)) is not None:  # of a pool's process, as the first cause
        return name.start()
    if text.startswith(_HINTS[1]):
        return 0 if _SYNTAX.fullmatch(text) else -1
    return text.find(_CRASH)
