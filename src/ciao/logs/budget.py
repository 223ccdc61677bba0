"""What a cell shows of a flood of lines: a browser page draws about a thousand a second and ten thousand in all.

Nothing is lost by it: the whole log is in the archive. Measured with JupyterLab: one message a tick, 64 kB/s after a
first 256 kB, and it neither freezes nor meets the server's limit of 1 MB/s.

Each replica's lines pass through three places; a line of several replicas is charged to the first of them::

    lines -> head -> drawn              while the head has room: a fair share of 256 kB for each replica
          -> tail -> head               else the last 64 kB of it wait here until the head is drawn
             tail -> dropped, counted   what the tail has no room for; errors are kept
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter

from ciao.logs.pieces import OVERHEAD, Piece, cut, first, last, level, members, pieces, worthy
from ciao.model import Line

__all__ = ["CAP", "CAP_LINES", "QUEUE", "TAIL", "Budget", "tick"]

QUEUE = 256_000
TAIL = 64_000
KEPT, BEGINNING = 20_000, 1_000
"""Bytes that wait to be drawn, of all replicas; that wait behind them, of each; of each one's errors, and beginning."""

BURST, RATE = 256_000, 64_000
BURST_LINES, RATE_LINES = 2_000, 1_000
"""What may be drawn at once, and what every second gives back."""

CAP, CAP_LINES = 2_000_000, 10_000
_FLOW, _FLOW_LINES = CAP - QUEUE - 44_000, 8_000  # the rest is for the end of the job
"""What one cell shows at most."""

_NOTES = 200  # more of our own sentences than this are a flood as well


def tick(shown: int) -> float:
    """Seconds between two draws: what a page takes for one grows with the length of the output that is there."""
    if shown < 2_000:
        return 0.05
    return 0.25 if shown < 4_000 else 0.5


class Budget:
    """The lines of one job on their way to a cell. ``now`` is any clock in seconds that does not go back.

    ``total == shown + dropped + waiting`` lines, always; ``waiting`` is none after :meth:`close`. A line of several
    replicas counts for each.
    ``held`` is the bytes in memory: at most twice QUEUE and, for each replica, TAIL and twice KEPT.
    """

    def __init__(self, job: str = "JOB", *, replicas: int = 1, now: float) -> None:
        self.total = self.shown = self.dropped = 0
        self.spared = 0  # lines that were folded into others before they came here
        self.lost = 0  # bytes of the log that went before anybody read them
        self.drawn = self.drawn_lines = 0  # with our own notes, by which the caps are kept
        self.full = False
        self.name(job, replicas=replicas)
        self._head: deque[Piece] = deque()
        self._ahead: dict[str, int] = {}  # the cost of each replica's pieces in the head
        self._tails: dict[str, deque[Piece]] = {}
        self._behind: dict[str, int] = {}  # the cost of each replica's tail
        self._waits: set[str] = set()  # those of whom something is in a tail, perhaps another's
        self._heard: set[str] = set()  # those of whom something was drawn
        self._kept: dict[str, list[Piece]] = {}
        self._order = self._gap = self._told = self._notes = 0
        self._marked = now - 1.0
        self._bytes, self._lines, self._filled = float(BURST), float(BURST_LINES), now

    def name(self, job: str, *, replicas: int) -> None:
        """Whose lines these are, once it is known."""
        self._job = job
        self._share = QUEUE // max(1, replicas)

    @property
    def held(self) -> int:
        """The cost of all that waits."""
        return sum(p.cost for p in self._all())

    @property
    def waiting(self) -> int:
        """How many lines are neither shown nor dropped yet."""
        return sum(p.lines for p in self._all())

    def _all(self) -> Iterable[Piece]:
        return chain(self._head, *self._tails.values(), *self._kept.values())

    def add(self, lines: Sequence[Line]) -> None:
        """Lines in the order in which they are to be shown."""
        found = pieces(lines, self._order)
        self._order += len(found)
        for piece in found:
            self.total += piece.lines
            ahead = self._ahead.get(piece.owner, 0) + piece.cost
            if self.full or ahead > self._share or not self._waits.isdisjoint(members(piece.replica)):
                self._defer(piece)
            else:
                self._head.append(piece)
                self._ahead[piece.owner] = ahead

    def note(self, text: str) -> None:
        """A line of our own, at its place among the others."""
        self._notes += 1
        if self._notes <= _NOTES:
            self._head.append(_note(text, self._order))
            self._order += 1

    def take(self, now: float) -> list[Piece]:
        """What is to be drawn now."""
        self._refill(now)
        drawn: list[Piece] = []
        while self._bytes > 0 and self._lines > 0 and (self._head or self._turn(now, drawn)):
            piece = self._head.popleft()
            if piece.replica and self._overflows(piece):
                self._head.appendleft(piece)
                self._stop(drawn)
            else:
                self._draw(piece, drawn)
        return drawn

    def close(self) -> list[Piece]:
        """The end of the job: the last lines of each replica, at once, and how many were not shown in all.

        Of a replica that was not heard yet the first lines, too. A single gap is told by its own mark alone.
        """
        drawn: list[Piece] = []
        notes = [p for p in self._head if not p.replica]
        lines = CAP_LINES - self.drawn_lines - len(notes) - 2
        # Every line costs OVERHEAD, so this keeps both caps.
        room = min(QUEUE, CAP - self.drawn - sum(p.cost for p in notes) - 1_000, OVERHEAD * lines)
        before, after = list(self._head), _ordered(*self._kept.values(), *self._tails.values())
        if sum(p.cost for p in chain(before, after)) > room:
            early, after = self._best([*before, *after], room)
            before = _ordered(notes, early)
        self._clear()
        for piece in before:
            self._draw(piece, drawn)
        of = f" of {self.total + self.spared:,}"
        if self._gap and after:
            self._mark(drawn, of if self._gap == self.dropped else "")
        for piece in after:
            self._draw(piece, drawn)
        if self.dropped != self._told:
            self._draw(_note(f"… in all {self._missing(self.dropped, of)}"), drawn)
        return drawn

    def _refill(self, now: float) -> None:
        passed, self._filled = max(0.0, now - self._filled), now
        self._bytes = min(float(BURST), self._bytes + passed * RATE)
        self._lines = min(float(BURST_LINES), self._lines + passed * RATE_LINES)

    def _overflows(self, piece: Piece) -> bool:
        return self.drawn + piece.cost > _FLOW or self.drawn_lines + len(piece.texts) > _FLOW_LINES

    def _draw(self, piece: Piece, drawn: list[Piece]) -> None:
        drawn.append(piece)
        self.drawn += piece.cost
        self.drawn_lines += len(piece.texts)
        self._bytes -= piece.cost
        self._lines -= len(piece.texts)
        self.shown += piece.lines
        self._heard.update(members(piece.replica))
        if piece.owner in self._ahead:
            self._ahead[piece.owner] -= piece.cost

    def _defer(self, piece: Piece) -> None:
        """Put a piece at the end of its replica's tail, and drop what is too much from the tail's beginning."""
        tail = self._tails.setdefault(piece.owner, deque())
        tail.append(piece)
        self._waits.update(members(piece.replica))
        cost = self._behind.get(piece.owner, 0) + piece.cost
        while cost > TAIL:
            cost -= tail[0].cost
            self._drop(tail.popleft())
        self._behind[piece.owner] = cost

    def _drop(self, piece: Piece) -> None:
        """Count the lines of a piece as not shown; keep its errors, the first above all, and how its replica began."""
        count, kept = piece.lines, worthy(piece)
        if kept is None and piece.owner not in self._heard and not self._kept.get(piece.owner):
            kept = next(iter(first([piece], BEGINNING)[0]), None)
        if kept is not None:
            held = self._kept.setdefault(piece.owner, [])
            if sum(p.cost for p in held) + kept.cost <= KEPT:
                held.append(kept)
                count -= kept.lines
        self.dropped += count
        self._gap += count

    def _turn(self, now: float, drawn: list[Piece]) -> bool:
        """The head is drawn: the tails take its place. False if there is nothing, or it is too early to say so."""
        if self.full or not any(self._tails.values()):
            return False
        share = level(self._behind.values(), QUEUE)
        if (self._gap or sum(self._behind.values()) > QUEUE) and now - self._marked < 1.0:
            return False
        chosen: list[Piece] = []
        for tail in self._tails.values():
            early, late = last(list(tail), share)
            for piece in early:
                self._drop(piece)
            chosen += late
        self._head.extend(_ordered(*self._kept.values(), chosen))
        self._ahead = _costs(self._head)
        self._tails, self._behind, self._kept, self._waits = {}, {}, {}, set()
        if self._gap:
            self._marked = now
            self._mark(drawn)
        return bool(self._head)

    def _stop(self, drawn: list[Piece]) -> None:
        """The cell has shown what it may until the job ends; from here on lines only pass through the tails."""
        self.full = True
        waiting = _ordered(self._head, *self._tails.values())
        self._clear_lines()
        self._head = deque(p for p in waiting if not p.replica)
        for piece in waiting:
            if piece.replica:
                self._defer(piece)
        self._draw(_note(f"… no more lines are shown here until the job ends; {self._whole()}"), drawn)

    def _best(self, waiting: Iterable[Piece], room: int) -> tuple[list[Piece], list[Piece]]:
        """The first lines of those not heard yet, in a quarter of the room, and what follows later.

        That is the last lines of each replica, and in the last quarter errors before them.
        """
        of: dict[str, list[Piece]] = {}
        heard = set(self._heard)
        for piece in _ordered(waiting):
            if piece.replica:
                of.setdefault(piece.owner, []).append(piece)
                if len(who := members(piece.replica)) > 1:
                    heard.update(who)  # what one of them said before may come later
        unheard = [name for name in of if name not in heard]
        share, early = level((sum(p.cost for p in of[name]) for name in unheard), room // 4), list[Piece]()
        for name in unheard:
            begin, of[name] = first(of[name], share)
            early += begin
        share = level(_costs(chain(*of.values())).values(), room * 3 // 4 - sum(p.cost for p in early))
        self._kept, chosen = {}, list[Piece]()
        for found in of.values():
            passed, late = last(found, share)
            chosen += late
            for piece in passed:
                self._drop(piece)
        return early, _ordered(self._errors(room // 4), chosen)

    def _errors(self, room: int) -> list[Piece]:
        chosen = []
        for piece in _ordered(*self._kept.values()):
            if piece.cost <= room:
                chosen.append(piece)
                room -= piece.cost
            else:
                self.dropped += piece.lines
                self._gap += piece.lines
        return chosen

    def _mark(self, drawn: list[Piece], of: str = "") -> None:
        self._draw(_note(f"… {self._missing(self._gap, of)}"), drawn)
        self._told, self._gap = self._gap, 0

    def _missing(self, count: int, of: str = "") -> str:
        lines = "line" if count == 1 and not of else "lines"
        return f"{count:,}{of} {lines} not shown; {self._whole()}"

    def _whole(self) -> str:
        """In a shell: what a cell prints is cut as well."""
        if self.lost:
            cut = f"{self.lost:,} bytes more went unread: the log outgrew keep.log"
            return f"{cut}; what is kept: `ciao logs {self._job}` in a shell"
        return f"the whole log: `ciao logs {self._job}` in a shell"

    def _clear(self) -> None:
        self._clear_lines()
        self._head, self._kept = deque(), {}

    def _clear_lines(self) -> None:
        self._tails, self._behind, self._ahead, self._waits = {}, {}, {}, set()


def _ordered(*parts: Iterable[Piece]) -> list[Piece]:
    """By order; of two pieces that were one, that of the earlier part comes first."""
    return sorted(chain(*parts), key=itemgetter(0))


def _note(text: str, order: int = -1) -> Piece:
    text = cut(text, 1_000)
    return Piece(order, "", [text], len(text.encode("utf-8", "replace")) + OVERHEAD)


def _costs(found: Iterable[Piece]) -> dict[str, int]:
    costs: dict[str, int] = {}
    for piece in found:
        costs[piece.owner] = costs.get(piece.owner, 0) + piece.cost
    return costs
