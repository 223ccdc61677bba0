"""What a frontend shows of one job: a stream of lines, and a panel above it.

The engine's thread tells a Screen what happens; the frontend's thread asks it, whenever ``tick`` says so, what there
is to draw. A Screen draws nothing itself, so a notebook, a terminal and a test use it alike.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from ciao.frontends.display.colour import Prefixes, plain
from ciao.frontends.display.panel import Status, panel
from ciao.frontends.display.standing import Standing
from ciao.frontends.display.status import Stage, failed, short
from ciao.logs.alike import Alike
from ciao.logs.budget import Budget, tick
from ciao.logs.folding import Folding
from ciao.logs.pieces import Piece
from ciao.logs.redrawn import Redrawn
from ciao.model import (
    Attempt,
    Bundled,
    Created,
    Event,
    Finished,
    Job,
    Line,
    Lines,
    Notice,
    Outcome,
    Packing,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    SpecRead,
    Traced,
)

__all__ = ["Screen"]

_STATUS_EVERY = 0.5
"""Seconds between two panels of which only the time that passed differs."""

_LARGE = 32
"""Replicas up to which each change of one is shown at once."""

_COLOURED = 2_000
"""Lines up to which the name before each has a colour; then only the first of a replica's successive lines has, for a
page takes three times as long where all have."""

_FIRST = 1.0
"""Seconds for which what is said before the job exists is held back, so that the job is named first."""


class Screen:
    """A listener (:data:`ciao.engine.Listener`) that a frontend draws in its own thread.

    ``where`` is the backend's. ``colour`` is for the replicas' names; the user's own colours stay. Memory is bounded
    whatever the length of the job, see :class:`ciao.logs.budget.Budget`. ``fold``: whoever draws shows the job's error
    below the lines, so the tracebacks of replicas that end become one line each. Of a progress bar's states a few are
    shown, see :mod:`ciao.logs.redrawn`; with ``alike`` what several replicas say is shown once, see
    :mod:`ciao.logs.alike`.
    """

    def __init__(
        self,
        *,
        where: str,
        colour: bool = True,
        fold: bool = True,
        alike: bool = True,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.where = where
        self.job: Job | None = None
        self._colour, self._clock = colour, clock
        self._lock = threading.Lock()
        self._budget = Budget(now=clock())
        self._redrawn = Redrawn()
        self._folding = Folding(on=fold)
        self._alike = Alike(on=alike)
        self._prefixes = Prefixes((), colour=colour)
        self._early: list[str] = []
        self._standing = Standing(where=where, clock=clock, now=now)
        self._opened = clock()
        self._drawn_at = self._said_at = self._opened - 1.0
        self._said: Status | None = None
        self._stage: Stage | None = None
        self._closed = self._let_go_of = self._cancelled = self._silent = False

    def __call__(self, event: Event) -> None:
        """Take note of an event. Never raises; what comes after the outcome is not shown."""
        with self._lock:
            if self.outcome is not None:
                return
            try:
                self._hear(event)
            except Exception as error:  # noqa: BLE001 - a fault of the display must not end the job
                self._note(f"warning: this could not be shown: {type(error).__name__}: {error}")

    @property
    def outcome(self) -> Outcome | None:
        """How the job ended, once it has."""
        return self._standing.outcome

    @property
    def began(self) -> float:
        """From when on its time is counted, in epoch seconds."""
        return self._standing.began

    @property
    def tick(self) -> float:
        """Seconds until the next draw is due."""
        return max(0.0, self._drawn_at + tick(self._budget.drawn_lines) - self._clock())

    @property
    def held(self) -> int:
        """Bytes of lines in memory."""
        with self._lock:
            return self._budget.held + self._folding.held + self._redrawn.held + self._alike.held

    def take(self) -> str:
        """Text for the stream that is to be drawn now; often none."""
        with self._lock:
            if self._clock() - self._opened >= _FIRST:
                self._let_go()
            self._fold(self._redrawn.due(self._clock()))
            self._add(self._folding.due(self._clock()))
            self._budget.add(self._alike.due(self._clock()))
            drawn = [] if self._closed else self._budget.take(self._clock())
            if drawn:
                self._drawn_at = self._clock()
            return self._text(drawn)

    def close(self) -> str:
        """The rest of the text, at the end. Nothing is drawn after it."""
        with self._lock:
            self._let_go()
            self._release()
            self._budget.add(self._alike.release())
            drawn = [] if self._closed else self._budget.close()
            self._let_go_of = self._let_go_of or not (self._closed or self.outcome)
            self._closed = True
            return self._text(drawn)

    def status(self, stage: Stage | None = None) -> Status | None:
        """The panel if it is to be shown anew: at once if something happened, else twice a second.

        ``stage`` is what whoever draws knows beyond the events. A panel is made only when it may be shown.
        """
        with self._lock:
            last, late = self._said, self._clock() - self._said_at >= _STATUS_EVERY
            if last is not None and not (self._standing.changed or late or stage != self._stage):
                return None
            self._standing.changed, self._stage = False, stage
            self._cancelled = self._cancelled or (stage is not None and stage.kind == "cancelling")
            new = panel(self._standing.view(stage, apart=self._apart))
            if last is not None and (new == last or not (late or self._at_once(new, last))):
                return None
            self._said, self._said_at = new, self._clock()
            return new

    def _at_once(self, new: Status, last: Status) -> bool:
        """Of a large job something changes all the time; what its replicas do may be seen a moment later."""
        return new.urgent != last.urgent or (
            new.key != last.key and len(self.job.replicas if self.job else ()) <= _LARGE
        )

    def _hear(self, event: Event) -> None:
        words = self._standing.hear(event)
        match event:
            case Lines() | Traced():
                self._read(event)
            case ReplicaChanged(status=status):
                self._change(status)
            case Created(job=job):
                self._begin(job)
            case Notice(text=text, level=level):
                self._standing.notice = text if self._closed else ""
                self._note(f"{'warning' if level == 'warning' else 'note'}: {text}")
            case Attempt(number=number, of=of, failure=failure):
                self._release()
                self._budget.add(self._alike.release())
                self._note(f"{failed(failure, ' failed: ')}; attempt {number} of {of} begins")
            case SpecRead(spec=spec):
                self._silent = spec.background  # which lines would come before its cell ends is chance
                self._note(words)
            case Packing() | Bundled() | Finished():
                self._note(words)
            case _:
                assert_never(event)

    def _read(self, event: Lines | Traced) -> None:
        """While replicas fail nobody knows whose error will be the cell's; so each says where its traceback is."""
        if self._closed or self._silent:
            return
        if isinstance(event, Lines):
            self._budget.lost += event.lost
            self._fold(self._redrawn.add(event.lines, self._clock()))
            return
        where = f"%ciao logs {self.job.name if self.job is not None else 'JOB'} {event.replica}"
        words = f"{short(plain(event.reason))} (traceback of {event.lines} lines: `{where}`)"
        self._add(self._folding.expect(event, words))

    def _fold(self, lines: Sequence[Line]) -> None:
        self._add(self._folding.add(lines, self._clock()))

    def _release(self, replica: str | None = None) -> None:
        """What waits, of this replica or of all, is shown: nothing will follow that it waits for."""
        self._fold(self._redrawn.release(replica))
        self._add(self._folding.release(replica))

    def _add(self, lines: Sequence[Line]) -> None:
        self._budget.add(self._alike.add(lines, self._clock()))
        self._budget.spared = self._folding.spared

    def _begin(self, job: Job) -> None:
        self.job = job
        self._budget.name(job.name, replicas=len(job.replicas))
        self._prefixes = Prefixes(job.replicas, colour=self._colour)
        self._budget.note(f"job {job.name} on {self.where} · {job.framework} · {_roles(job.replicas)}")
        self._let_go()

    def _note(self, text: str) -> None:
        """What is said before the job exists comes below its first line, if that does not keep us waiting."""
        if not text:
            return
        if self.job is None:
            self._early.append(plain(text))
        else:
            self._budget.note(plain(text))

    def _let_go(self) -> None:
        for text in self._early:
            self._budget.note(text)
        self._early.clear()

    def _change(self, changed: ReplicaStatus) -> None:
        if changed.state not in (ReplicaState.WAITING, ReplicaState.RUNNING):
            self._release(changed.replica)
            self._alike.leave(changed.replica)

    @property
    def _apart(self) -> bool:
        """The stream does not tell any more what replicas write: its cell went on without the job, or it is full."""
        alone = self._let_go_of or (self._stage is not None and self._stage.kind == "background")
        return (alone and not self._cancelled) or self._budget.full

    def _text(self, drawn: Iterable[Piece]) -> str:
        sparing = self._budget.drawn_lines > _COLOURED
        return "".join(
            self._prefixes.block(piece.replica, piece.texts, sparing=sparing)
            if piece.replica
            else f"{piece.texts[0]}\n"
            for piece in drawn
        )


def _roles(replicas: Iterable[str]) -> str:
    """``1 master + 2 workers``."""
    counts = Counter(name.rpartition("-")[0] for name in replicas)
    return " + ".join(f"{n} {role}{'s' if n > 1 and role != 'ps' else ''}" for role, n in counts.items())
