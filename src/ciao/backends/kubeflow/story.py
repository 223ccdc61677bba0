"""A job on a cluster as the story of what happened: a fold over what is seen of it. Pure; the clock is an argument.

The operators' own verdict comes late or never, so the end is decided from the replicas: their containers, the records
in their logs, and how their pods went away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ciao.backends.cause import first_by_cause
from ciao.backends.kubeflow.failures import STOPPED, failure_of, gone, refused
from ciao.backends.kubeflow.held import condition, held, suspended
from ciao.backends.kubeflow.replicas import container_of, moment, replica_of
from ciao.backends.kubeflow.waiting import Waiting, why_not_created, why_waiting
from ciao.backends.records import exception_failure, reason_of, traced
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.base import Manifest
from ciao.model import (
    Attempt,
    Event,
    Failure,
    Finished,
    Job,
    Outcome,
    Phase,
    Replica,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    Summary,
)

__all__ = ["Story"]

SETTLE = 1.5
"""Seconds after the first failure in which an earlier cause may still show: a kubelet tells an end a second late."""

SETTLE_SECONDARY = 4.0
"""The same while all failures look like the loss of a peer, whose own end has not been seen yet."""

RESTART = "jobset.sigs.k8s.io/restart-attempt"

_OPEN = (ReplicaState.WAITING, ReplicaState.RUNNING)


@dataclass(kw_only=True)
class _Seen:
    """What is known of one replica."""

    status: ReplicaStatus
    uid: str = ""
    waiting: Waiting | None = None
    waiting_since: float = math.inf


@dataclass(kw_only=True)
class Story:
    """What is known of a job so far. ``timeout`` is in seconds; ``retries`` is how often the group may start again."""

    job: Job
    timeout: float | None = None
    retries: int = 0
    kind: str = ""
    namespace: str = ""
    outcome: Outcome | None = None
    started: float | None = None
    attempt: int = 1
    hint: str = ""
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _failures: dict[str, Failure] = field(default_factory=dict)
    _previous: list[Failure] = field(default_factory=list)
    _failed_at: float | None = None
    _object: Manifest = field(default_factory=dict)
    _events: list[Manifest] = field(default_factory=list)
    _verdict_at: float | None = None

    def __post_init__(self) -> None:
        self._seen = {
            name: _Seen(status=self._status(name, ReplicaState.WAITING, self.job.created)) for name in self.job.replicas
        }
        self.ranked = _ranked(self.job)
        framework = FRAMEWORKS[self.job.framework]
        self.decisive = tuple(map(str, framework.decisive(tuple(map(Replica.parse, self.ranked)))))

    # What is seen.

    def see_pod(self, pod: Manifest, *, now: float, deleted: bool = False) -> Iterator[Event]:
        """A pod of the job as it is now, or as it was when it was ``deleted``."""
        name = replica_of(pod, self.ranked)
        if name is None or self.outcome is not None:
            return
        metadata = pod.get("metadata") or {}
        restart = (metadata.get("labels") or {}).get(RESTART, "0")
        if restart.isdigit() and int(restart) + 1 > self.attempt and not deleted:
            yield from self.begin_attempt(int(restart) + 1, now=now)
        seen, uid = self._seen[name], str(metadata.get("uid"))
        if uid != seen.uid:
            if deleted:
                return  # an older pod of this replica
            seen.uid = uid
        yield from self._deleted(name, pod, now) if deleted else self._changed(name, pod, now)

    def see_job(self, manifest: Manifest | None, *, now: float) -> Iterator[Event]:
        """The job's object as it is now; None: it was deleted, and not by us."""
        if self.outcome is not None:
            return
        if manifest is None:
            if not self._succeeded() and not self._failures:
                words = "it was deleted by somebody else"
                self._fail(Failure(replica="", kind="lost", time=now, ename="JobDeleted", evalue=words), now)
                yield from self._end(Phase.FAILED, now)
            return
        self._object = manifest
        verdict = condition(manifest, "Failed") or condition(manifest, "Succeeded") or condition(manifest, "Complete")
        if verdict is not None and self._verdict_at is None:
            self._verdict_at = now
        yield from self._reasons(now)

    def see_event(self, event: Manifest, *, now: float) -> Iterator[Event]:
        """An event of the job, or of what belongs to it."""
        self._events.append(event)
        del self._events[:-200]
        if self.outcome is None:
            yield from self._reasons(now)

    def see_record(self, replica: str, record: Mapping[str, Any], *, now: float) -> Iterator[Event]:
        """What the runner wrote into a replica's log."""
        if self.outcome is not None or replica not in self._seen:
            return
        failure = exception_failure(replica, record, seen=now)
        if failure is not None:
            self._failures.setdefault(replica, failure)
            self._failed_at = now if self._failed_at is None else self._failed_at
        elif (known := self._failures.get(replica)) is not None and (trace := traced(known, record)) is not None:
            yield trace

    def begin_attempt(self, number: int, *, now: float) -> Iterator[Event]:
        """The group was started again."""
        first, _ = first_by_cause(tuple(self._failures.values()))
        if first is not None:
            self._previous.append(first)
            yield Attempt(number=number, of=self.retries + 1, failure=first)
        self.attempt, self._failures, self._failed_at, self._verdict_at = number, {}, None, None
        self._events = []
        for name, seen in self._seen.items():
            seen.uid, seen.waiting = "", None
            yield from self._become(name, ReplicaState.WAITING, now, "")

    # What follows from it.

    def tick(self, now: float) -> Iterator[Event]:
        """What the time that has passed decides. Finished is among it: drain the logs before it."""
        if self.outcome is not None:
            return
        if self._succeeded():
            yield from self._end(Phase.SUCCEEDED, now)
        elif self._failed_at is not None:
            if now >= self._failed_at + self._settle() and not self.retry_due(now):
                yield from self._end(Phase.FAILED, now)
        elif self.timeout is not None and self.started is not None and now > self.started + self.timeout:
            words = f"the job ran longer than its timeout of {self.timeout:g} s"
            self._fail(Failure(replica="", kind="timeout", time=now, ename="DeadlineExceeded", evalue=words), now)
            yield from self._end(Phase.FAILED, now)
        elif (hopeless := self._hopeless(now)) is not None:
            name, waiting = hopeless
            self._fail(refused(name, waiting.code, waiting.words, now=now), now)
            self.hint = waiting.fix
            yield from self._end(Phase.FAILED, now)
        elif self._verdict_at is not None and now >= self._verdict_at + SETTLE_SECONDARY:
            yield from self._operators_word(now)

    def due(self, now: float) -> float:
        """Seconds until the next tick is worth its while; infinite if only news can change anything."""
        moments = [s.waiting_since + s.waiting.patience for s in self._seen.values() if s.waiting is not None]
        if self._failed_at is not None:
            moments.append(self._failed_at + self._settle())
        if self.timeout is not None and self.started is not None:
            moments.append(self.started + self.timeout)
        if self._verdict_at is not None:
            moments.append(self._verdict_at + SETTLE_SECONDARY)
        return max(0.01, min(moments, default=math.inf) - now)

    def retry_due(self, now: float) -> bool:
        """The attempt has failed, and another is allowed."""
        settled = self._failed_at is not None and now >= self._failed_at + self._settle()
        return settled and self.attempt <= self.retries and self.outcome is None

    def summary(self) -> Summary:
        """What a list of jobs shows."""
        phase = Phase.RUNNING if self.started is not None else Phase.PENDING
        return Summary(
            job=self.job,
            phase=self.outcome.phase if self.outcome else phase,
            replicas=tuple(seen.status for seen in self._seen.values()),
            started=self.started,
            outcome=self.outcome,
            kind=self.kind,
            namespace=self.namespace,
        )

    def uid(self, replica: str) -> str:
        """Of the pod that is the replica now; empty before there is one."""
        return self._seen[replica].uid

    def _changed(self, name: str, pod: Manifest, now: float) -> Iterator[Event]:
        container, seen = container_of(pod), self._seen[name]
        if container.running is not None and self.started is None:
            self.started = moment(container.running.get("startedAt"), otherwise=now)
        failure = failure_of(name, pod, now=now)
        if failure is not None and self._ended_by_others(pod, container.terminated):
            yield from self._become(name, ReplicaState.ENDED, now, "")
        elif failure is not None:
            self._fail(failure, now)
            yield from self._become(name, ReplicaState.FAILED, failure.time, reason_of(self._failures[name]))
        elif container.terminated is not None:
            if self.started is None:  # too short to be seen running
                self.started = moment(container.terminated.get("startedAt"), otherwise=now)
            yield from self._become(name, ReplicaState.SUCCEEDED, now, "")
        elif container.running is not None:
            seen.waiting = None
            yield from self._become(
                name, ReplicaState.RUNNING, moment(container.running.get("startedAt"), otherwise=now), ""
            )
        else:
            yield from self._wait(name, why_waiting(pod, self._of_pod(pod)) or self._held(), now)

    def _deleted(self, name: str, pod: Manifest, now: float) -> Iterator[Event]:
        if self._seen[name].status.state not in _OPEN:
            return
        if suspended(self._object):
            self._seen[name].uid = ""
            yield from self._wait(name, self._held(), now)
            return
        if self._failed_at is None and self._verdict_at is None and not self._succeeded():
            lost = gone(name, pod, now=now)
            self._fail(replace(lost, secondary=True), now)  # it may follow from what has not been seen yet
            yield from self._become(name, ReplicaState.FAILED, now, reason_of(lost))
        else:
            yield from self._become(name, ReplicaState.ENDED, now, "")

    def _ended_by_others(self, pod: Manifest, terminated: Manifest | None) -> bool:
        """A replica that was told to end: by the operator after another's end, by a suspension, or with the job."""
        told = (pod.get("metadata") or {}).get("deletionTimestamp") is not None or suspended(self._object)
        stopped = terminated is not None and terminated.get("exitCode") in (STOPPED, 137)
        over = self._failed_at is not None or self._verdict_at is not None or self._succeeded()
        return told and stopped and (over or suspended(self._object))

    def _reasons(self, now: float) -> Iterator[Event]:
        """Why replicas that have no pod wait: what concerns the job as a whole."""
        why = self._held() or why_not_created(self._events)
        for name, seen in self._seen.items():
            if not seen.uid and seen.status.state is ReplicaState.WAITING:
                yield from self._wait(name, why, now)

    def _held(self) -> Waiting | None:
        return held(self._object, [e for e in self._events if _about(e, "Pod") is None])

    def _wait(self, name: str, why: Waiting | None, now: float) -> Iterator[Event]:
        seen = self._seen[name]
        if (why.code if why else None) != (seen.waiting.code if seen.waiting else None):
            seen.waiting_since = now
        seen.waiting = why
        yield from self._become(name, ReplicaState.WAITING, now, _words(why))

    def _become(self, name: str, state: ReplicaState, since: float, reason: str) -> Iterator[Event]:
        seen = self._seen[name]
        if (seen.status.state, seen.status.reason) == (state, reason):
            return
        kept = seen.status.since if seen.status.state is state else since  # another reason to wait is no new wait
        if state is not ReplicaState.WAITING:
            seen.waiting = None
        seen.status = self._status(name, state, kept, reason)
        yield ReplicaChanged(status=seen.status)

    def _status(self, name: str, state: ReplicaState, since: float, reason: str = "") -> ReplicaStatus:
        return ReplicaStatus(replica=name, state=state, since=since, reason=reason)

    def _fail(self, failure: Failure, now: float) -> None:
        known = self._failures.get(failure.replica)
        if known is None or (failure.ename == "OOMKilled" and known.error is None) or known.kind == "lost":
            self._failures[failure.replica] = failure
        self._failed_at = now if self._failed_at is None else self._failed_at

    def _succeeded(self) -> bool:
        done = all(self._seen[name].status.state is ReplicaState.SUCCEEDED for name in self.decisive)
        return done and all(f.secondary for f in self._failures.values())

    def _settle(self) -> float:
        return SETTLE_SECONDARY if all(f.secondary for f in self._failures.values()) else SETTLE

    def _hopeless(self, now: float) -> tuple[str, Waiting] | None:
        for name, seen in self._seen.items():
            if seen.waiting is not None and now >= seen.waiting_since + seen.waiting.patience:
                return name, seen.waiting
        return None

    def _operators_word(self, now: float) -> Iterator[Event]:
        """The operator has decided, and the replicas do not tell why: their pods are gone, or never were."""
        verdict = condition(self._object, "Failed")
        if verdict is None:
            yield from self._end(Phase.SUCCEEDED, now)
            return
        message, reason = str(verdict.get("message") or ""), str(verdict.get("reason") or "JobFailed")
        late = "deadline" in message or reason == "DeadlineExceeded"
        self._fail(
            Failure(
                replica="",
                kind="timeout" if late else "lost",
                time=now,
                ename="DeadlineExceeded" if late else "JobFailed",
                evalue=" ".join(message.split())[:500] or "the operator gave no reason",
            ),
            now,
        )
        yield from self._end(Phase.FAILED, now)

    def _end(self, phase: Phase, now: float) -> Iterator[Event]:
        for name, seen in self._seen.items():
            if seen.status.state in _OPEN:
                yield from self._become(name, ReplicaState.ENDED, now, "")
        first, others = first_by_cause(tuple(self._failures.values()))
        self.outcome = Outcome(
            phase=phase,
            ended=now,
            failure=first if phase is Phase.FAILED else None,
            others=others if phase is Phase.FAILED else (),
            attempts=self.attempt,
            previous=tuple(self._previous),
            hint=self.hint,
        )
        yield Finished(outcome=self.outcome)

    def _of_pod(self, pod: Manifest) -> Sequence[Manifest]:
        name = pod["metadata"]["name"]
        return [event for event in self._events if _about(event, "Pod") == name]


def _about(event: Manifest, kind: str) -> str | None:
    about = event.get("involvedObject") or {}
    return str(about.get("name")) if about.get("kind") == kind else None


def _words(why: Waiting | None) -> str:
    return "" if why is None else why.words if not why.fix else f"{why.words}. {why.fix}"


def _ranked(job: Job) -> tuple[str, ...]:
    order = FRAMEWORKS[job.framework].roles
    parsed = sorted(map(Replica.parse, job.replicas), key=lambda r: (order.index(r.role), r.index))
    return tuple(map(str, parsed))
