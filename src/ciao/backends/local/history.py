"""The journal of a job, read as the story of what happened: a fold, one entry after the other. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ciao.backends.cause import first_by_cause
from ciao.backends.memory import out_of_memory
from ciao.backends.records import died, dumped, exception_failure, exit_failure, reported, signal_failure, traced
from ciao.frameworks import FRAMEWORKS
from ciao.model import (
    Attempt,
    Event,
    Failure,
    Finished,
    Job,
    Notice,
    Outcome,
    Phase,
    Replica,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    Summary,
    reason_of,
)

__all__ = ["History"]

_BY_SOMEBODY = "killed by hand or by another program, not for want of memory"


class History:
    """What is known of a job after the entries added so far."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.started: float | None = None
        self.outcome: Outcome | None = None
        self.processes: dict[str, int] = {}
        self._attempt = 1
        self._attempts = 1
        self._failures: dict[str, Failure] = {}
        self._last_words: dict[str, Mapping[str, Any]] = {}
        self._spared: dict[str, Failure] = {}
        self._previous: list[Failure] = []
        self._replicas = {
            name: ReplicaStatus(replica=name, state=ReplicaState.WAITING, since=job.created) for name in job.replicas
        }

    def add(self, entry: Mapping[str, Any]) -> list[Event]:
        """Take in one entry; the events that it means. Finished is among them: drain the logs before it.

        A damaged entry means nothing, nor does one after the end. Never raises.
        """
        try:
            return [] if self.outcome is not None else list(self._told(entry))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
            return []

    def _told(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        match entry.get("event"):
            case "attempt":
                yield from self._attempt_began(entry)
            case "replica":
                yield from self._replica(entry)
            case "record":
                yield from self._record(entry)
            case "again":  # what failed because of another one was started anew below its replica
                self._failures.pop(entry["replica"], None)
            case "spared":
                yield from self._lost_one(entry)
            case "finished":
                yield from self._finished(entry)
            case "lost":
                yield from self._lost(entry)

    def summary(self) -> Summary:
        """What a list of jobs shows."""
        phase = self.outcome.phase if self.outcome else Phase.RUNNING if self.started else Phase.PENDING
        return Summary(
            job=self.job,
            phase=phase,
            replicas=tuple(self._replicas.values()),
            started=self.started,
            outcome=self.outcome,
        )

    def _attempt_began(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        self._attempt, self._attempts = int(entry["number"]), int(entry["of"])
        self.started = self.started or _time(entry)
        first, _ = first_by_cause(self._that_count())
        self._failures, self._spared, self._last_words = {}, {}, {}
        if first is not None:
            self._previous.append(first)
            yield Attempt(number=self._attempt, of=self._attempts, failure=first)

    def _record(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        name, record = self._replicas[entry["replica"]].replica, entry["record"]
        if (report := reported(name, record)) is not None:
            yield report
            return
        if entry.get("ended_by_us") is True:  # what it says then is nobody's failure
            return
        if died(record):
            self._last_words.setdefault(name, record)
            if (dump := dumped(name, record)) is not None:
                yield dump
        failure = exception_failure(name, record, seen=_time(entry))
        if failure is not None:
            self._failures.setdefault(name, failure)
        elif (known := self._failures.get(name)) is not None and (trace := traced(known, record)) is not None:
            yield trace

    def _replica(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        name, state, when = self._replicas[entry["replica"]].replica, ReplicaState(entry["state"]), _time(entry)
        if state is ReplicaState.RUNNING:
            self.processes[name] = int(entry["pid"])
        reason = ""
        if state is ReplicaState.FAILED:
            if entry.get("lost") is True and name in self._failures and self._failures[name].secondary:
                del self._failures[name]  # one of its processes told what followed from the end of another
            failure = self._failures.setdefault(name, _died(name, entry, when, self._last_words.pop(name, {})))
            if (short := _short_of_memory(name, entry, when)) is not None:  # what it raised follows from that
                failure = self._failures[name] = short
            reason = reason_of(failure)
        yield from self._changed(name, state, when, reason)

    def _lost_one(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """An elastic job goes on without this replica."""
        name, left = self._replicas[entry["replica"]].replica, int(entry["left"])
        self._spared[name] = failure = self._failures.pop(name)
        words = f"{name} is lost ({reason_of(failure)}): the job goes on with {left} of {len(self._replicas)} workers"
        yield Notice(text=words, level="warning")

    def _that_count(self) -> tuple[Failure, ...]:
        """All failures; but what the code of a replica raised is not caused by one that was lost before and spared."""
        raised = any(f.kind == "exception" and not f.secondary for f in self._failures.values())
        return tuple({**({} if raised else self._spared), **self._failures}.values())

    def _changed(self, name: str, state: ReplicaState, when: float, reason: str) -> Iterator[Event]:
        status = ReplicaStatus(replica=name, state=state, since=when, reason=reason)
        self._replicas[name] = status
        yield ReplicaChanged(status=status)

    def _finished(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        when, phase = _time(entry), Phase(entry["phase"])
        yield from self._all_ended(when, "")
        if phase is Phase.SUCCEEDED and (cut := self._cut_short()):
            words = f"the job had succeeded, so these were ended while they still ran: {', '.join(cut)}"
            yield Notice(text=words, level="warning")
        if lost := int(entry.get("lost_bytes", 0)):
            yield Notice(level="warning", text=f"{lost:,} bytes of the log were lost: the disk was full")
        first, others = first_by_cause(self._that_count())
        if entry.get("reason") == "timeout":
            words = f"the job ran longer than its timeout of {float(entry['timeout']):g} s"
            first, others = Failure(replica="", kind="timeout", time=when, ename="DeadlineExceeded", evalue=words), ()
        yield from self._end(phase, first if phase is Phase.FAILED else None, others, when)

    def _lost(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        when = _time(entry)
        yield from self._all_ended(when, "its supervisor is gone")
        failure = Failure(replica="", kind="lost", time=when, ename="JobLost", evalue=str(entry["words"]))
        yield from self._end(Phase.LOST, failure, (), when)

    def _cut_short(self) -> list[str]:
        """Who was ended although his role ends by itself."""
        ended = [name for name, status in self._replicas.items() if status.state is ReplicaState.ENDED]
        framework = FRAMEWORKS.get(self.job.framework)
        endless = framework.endless(tuple(map(Replica.parse, self._replicas))) if framework else ()
        return [name for name in ended if Replica.parse(name) not in endless]

    def _all_ended(self, when: float, reason: str) -> Iterator[Event]:
        for status in tuple(self._replicas.values()):
            if status.state in (ReplicaState.WAITING, ReplicaState.RUNNING):
                yield from self._changed(status.replica, ReplicaState.ENDED, when, reason)

    def _end(self, phase: Phase, failure: Failure | None, others: tuple[Failure, ...], when: float) -> Iterator[Event]:
        self.outcome = Outcome(
            phase=phase,
            ended=when,
            failure=failure,
            others=others if failure else (),
            attempts=self._attempt,
            previous=tuple(self._previous),
        )
        yield Finished(outcome=self.outcome)


def _time(entry: Mapping[str, Any]) -> float:
    """Of an entry; ValueError for what is no moment."""
    when = float(entry["time"])
    if not math.isfinite(when):
        raise ValueError(f"time is {when}")
    return when


def _died(name: str, entry: Mapping[str, Any], when: float, words: Mapping[str, Any]) -> Failure:
    code = int(entry["code"])
    if unable := entry.get("words"):
        return Failure(replica=name, kind="start", time=when, ename="StartError", evalue=str(unable))
    if code >= 0:
        return exit_failure(name, code, when=when, words=words)
    failure = signal_failure(name, -code, when=when, words=words)
    spared = (entry.get("memory") or {}).get("machine") is False
    return replace(failure, evalue=_BY_SOMEBODY) if failure.ename == "SIGKILL" and spared else failure


def _short_of_memory(name: str, entry: Mapping[str, Any], when: float) -> Failure | None:
    """The failure of a replica that was ended for want of memory, its own or the machine's."""
    memory = entry.get("memory") or {}
    if "limit" in memory:
        words = out_of_memory(str(memory["limit"]), peak=int(memory["peak"]))
    elif memory.get("machine") is True:
        words = "this machine had no memory left, and the system killed it"
    else:
        return None
    return Failure(replica=name, kind="signal", time=when, ename="OOMKilled", evalue=words)
