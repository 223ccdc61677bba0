"""A job in the foreground of a shell: its lines go to standard output, all else to standard error."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import replace

from ciao import interpreter
from ciao.commands.follow import following
from ciao.commands.line import Request
from ciao.engine import Run
from ciao.errors import CiaoError
from ciao.frontends.command import wait
from ciao.frontends.display import failure, present
from ciao.frontends.display.colour import Prefixes
from ciao.frontends.display.status import duration
from ciao.frontends.display.traceback import CellSource, printable
from ciao.frontends.display.typed import in_shell
from ciao.frontends.shell import streams
from ciao.frontends.shell.file import read_cell
from ciao.frontends.shell.live import Live
from ciao.model import (
    Attempt,
    Bundled,
    Created,
    Event,
    Job,
    Line,
    Lines,
    Notice,
    Outcome,
    Packing,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
)
from ciao.session import Session

__all__ = ["Printer", "follow", "run"]

TICK = 0.1
"""Seconds between two looks for a signal."""


def run(request: Request, session: Session, *, colour: bool) -> int:
    """Run a file as a job, to its end; Ctrl-C and SIGTERM end it. Raises CiaoError if it could not start."""
    cell = read_cell(request.file or "")
    spec = interpreter.read(cell, settings=session.settings)
    printer = Printer(where=session.place(spec.backend, spec.namespace), colour=colour)
    with _stops() as stops:
        job = session.run(spec, printer)
        _until_over(
            job,
            printer,
            stops,
            at_stop="is being cancelled; Ctrl-C once more ends this without waiting",
            until_created=spec.background,
        )
    if not job.done.done():
        _say(f"{printer.name} goes on in the background: ciao logs {printer.name}")
        return 0
    outcome = job.done.result()
    if stops and printer.created and outcome is not None and outcome.phase is Phase.CANCELLED:
        _say(f"{printer.name} is cancelled{outcome.message and ': '}{outcome.message}")
    return _verdict(outcome, printer, stops, CellSource(label=cell.label, lines=tuple(cell.text.splitlines())))


def follow(request: Request, session: Session, *, colour: bool) -> int:
    """Show a job to its end; Ctrl-C lets go of it. Only ``attach`` fails as the job did. Raises CiaoError."""
    wanted = wait(session, following(session.everywhere(), request))
    if wanted.note:
        _say(wanted.note)
    where = session.place(wanted.backend, wanted.namespace)
    printer = Printer(where=where, colour=colour, only=wanted.replica, timestamps=wanted.timestamps)
    with _stops() as stops:
        job = session.attach(wanted.job, printer, replica=wanted.replica, select=wanted.select)
        _until_over(job, printer, stops, at_stop="goes on")
    if request.command == "logs" and not stops:
        return 0
    return _verdict(job.done.result(), printer, stops, CellSource(label=printer.cell))


class Printer:
    """Listens to a run. ``gone`` is why standard output takes nothing any more."""

    def __init__(self, *, where: str, colour: bool, only: str | None = None, timestamps: bool = False) -> None:
        self._where = where
        self._colour = colour
        self._only = only
        self._timestamps = timestamps
        self._job: Job | None = None
        self._prefixes = Prefixes((), colour=colour)
        self._reasons: set[str] = set()
        self._live = Live()
        self.gone: BrokenPipeError | CiaoError | None = None

    @property
    def created(self) -> bool:
        """Whether the job exists."""
        return self._job is not None

    @property
    def name(self) -> str:
        """The job's, once it has one."""
        return self._job.name if self._job else "the job"

    @property
    def since(self) -> float:
        """When the job was created, in epoch seconds."""
        return self._job.created if self._job else time.time()

    @property
    def cell(self) -> str:
        """What the job's tracebacks call its cell."""
        return self._job.cell if self._job else ""

    @property
    def colour(self) -> bool:
        """Whether colours are shown."""
        return self._colour

    def __call__(self, event: Event) -> None:
        """Print what there is to say of an event."""
        if isinstance(event, Packing):
            self._live.hear(event)
            return
        with self._live.paused():
            self._tell(event)

    def tick(self) -> None:
        """Show how far the code is, while it is on its way."""
        self._live.tick()

    def say(self, text: str) -> None:
        """A line of our own."""
        with self._live.paused():
            _say(text)

    def over(self) -> None:
        """Nothing more is to come."""
        self._live.end()

    def _tell(self, event: Event) -> None:
        match event:
            case Bundled():
                if summary := self._live.end():
                    _say(summary)
            case Lines(lines=lines):
                self._print(lines)
            case Created(job=job):
                self._job = job
                self._prefixes = Prefixes(job.replicas, colour=self._colour)
                count = len(job.replicas)
                _say(f"{job.name} on {self._where}: {count} {'replica' if count == 1 else 'replicas'}")
            case Notice(text=text, level=level):
                _say(f"{'note' if level == 'info' else level}: {in_shell(text)}")
            case Attempt(number=number, of=of, failure=cause):
                _say(f"{cause.replica} failed: {cause.ename}: {cause.evalue}; attempt {number} of {of} begins")
            case ReplicaChanged(status=status) if status.state is ReplicaState.WAITING:
                self._wait(status)

    def _wait(self, status: ReplicaStatus) -> None:
        """Why, and once: all replicas of a job may wait for the same."""
        if status.reason and status.reason not in self._reasons:
            self._reasons.add(status.reason)
            _say(f"{status.replica} waits: {in_shell(status.reason)}")

    def _print(self, lines: tuple[Line, ...]) -> None:
        if self.gone is not None:
            return
        shown = (one for one in lines if self._only in (None, one.replica))
        prefixes = None if self._only else self._prefixes
        text = "".join(present.line(one, prefixes, timestamps=self._timestamps) + "\n" for one in shown)
        try:
            streams.out(text)
        except (BrokenPipeError, CiaoError) as error:
            self.gone = error


@contextmanager
def _stops() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of being torn out of the middle of things by them."""
    stops: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    before = {s: signal.signal(s, lambda number, _: stops.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_over(run: Run, printer: Printer, stops: list[int], *, at_stop: str, until_created: bool = False) -> None:
    """Wait for the end of the run. A signal, or nobody reading, cancels it; a second cuts cleaning short."""
    seen = 0
    while not run.done.done() and not (until_created and printer.created):
        futures.wait([run.done], timeout=TICK)
        printer.tick()
        asked = len(stops) + (printer.gone is not None)
        if asked > seen:
            run.cancel()
            if not seen and stops:
                printer.say(f"{printer.name} {at_stop}" if printer.created else "stopping: there is no job yet")
            seen = asked
    printer.over()


def _verdict(outcome: Outcome | None, printer: Printer, stops: list[int], source: CellSource) -> int:
    if printer.gone is not None:
        raise printer.gone
    if stops or outcome is None:
        return 128 + (stops[0] if stops else signal.SIGINT)
    told = replace(outcome, hint=in_shell(outcome.hint))
    error = failure.of_outcome(told, source, job=printer.name, colour=printer.colour)
    if error is None:
        _say(f"{printer.name} succeeded in {duration(max(0.0, outcome.ended - printer.since))}")
        return 0
    _say("\n".join(error.text) or str(error))
    return 128 + signal.SIGTERM if outcome.phase is Phase.CANCELLED else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()
