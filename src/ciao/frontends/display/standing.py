"""Where a job stands as far as its events tell, for its panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ciao.frontends.display.latest import Latest
from ciao.frontends.display.packing import Progress
from ciao.frontends.display.status import Stage, View
from ciao.model import (
    Attempt,
    Bundled,
    Created,
    Event,
    Finished,
    Lines,
    Outcome,
    Packing,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    SpecRead,
)

__all__ = ["Standing"]


class Standing:
    """One job's. ``clock`` is any that goes on, ``now`` gives epoch seconds.

    ``changed`` is set by what may change the panel at once, and taken back by whoever looks. ``notice`` is set to what
    was said since the stream is closed.
    """

    def __init__(self, *, where: str, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self.outcome: Outcome | None = None
        self.changed = True
        self._where, self._clock, self._now = where, clock, now
        self._name = self._framework = ""
        self._expected: tuple[str, ...] = ()
        self._replicas: dict[str, ReplicaStatus] = {}
        self._latest = Latest()
        self.notice = ""
        self._packing = Progress()
        self._asked = now()
        self._started: float | None = None
        self._attempt: tuple[int, int] | None = None

    def hear(self, event: Event) -> str:
        """Take note of an event; words about it that are to stay below the panel, or an empty text."""
        if isinstance(event, Lines):
            self._latest.hear(event.lines)
            return ""
        self.changed = True
        match event:
            case Packing():
                self._packing.hear(event, self._clock())
            case Bundled():
                return self._packing.end(self._clock())
            case ReplicaChanged(status=changed):
                self._change(changed)
            case Attempt(number=number, of=of):
                self._attempt = (number, of)
            case _:
                self._hear_of_the_job(event)
        return ""

    @property
    def began(self) -> float:
        """When its first replica ran, or else when it began to exist, in epoch seconds."""
        return self._asked if self._started is None else self._started

    def view(self, stage: Stage | None, *, apart: bool) -> View:
        """This moment. ``apart``: the panel is not above the lines that replicas write now."""
        return View(
            name=self._name,
            where=self._where,
            framework=self._framework,
            expected=self._expected,
            replicas=self._replicas,
            asked=self._asked,
            started=self._started,
            attempt=self._attempt,
            packing=self._packing.shown(self._clock()),
            stage=stage,
            outcome=self.outcome,
            latest=self._latest.lines if apart else {},
            notice=self.notice if apart else "",
            now=self._now(),
        )

    def _hear_of_the_job(self, event: Event) -> None:
        match event:
            case SpecRead(spec=spec):
                self._expect(spec.framework, tuple(map(str, spec.replicas)))
            case Created(job=job):
                self._name, self._asked = job.name, job.created
                self._expect(job.framework, job.replicas)
            case Finished(outcome=outcome):
                self._finish(outcome)
            case _:
                pass  # it is told below the panel

    def _finish(self, outcome: Outcome) -> None:
        """Whoever cancels a job waits for its replicas, and hears nothing of each; with a message some still end."""
        self.outcome = outcome
        if outcome.phase is Phase.CANCELLED and not outcome.message:
            alive = (ReplicaState.WAITING, ReplicaState.RUNNING)
            for name, last in self._replicas.items():
                if last.state in alive:
                    self._replicas[name] = replace(last, state=ReplicaState.ENDED, reason="")

    def _expect(self, framework: str, replicas: tuple[str, ...]) -> None:
        if replicas != self._expected:
            self._expected, self._latest = replicas, Latest(replicas)
        self._framework = framework

    def _change(self, changed: ReplicaStatus) -> None:
        self._replicas[changed.replica] = changed
        if changed.state is ReplicaState.FAILED:
            self._latest.fail(changed.replica, changed.reason)
        if self._started is None and changed.state is not ReplicaState.WAITING:
            self._started = changed.since if changed.state is ReplicaState.RUNNING else self._asked
