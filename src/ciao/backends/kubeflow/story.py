"""A job on a cluster as the story of what happened: a fold over what is seen of it. Pure; the clock is an argument.

The operators' own verdict comes late or never, so the end is decided from the replicas: their containers, the records
in their logs, and how their pods went away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ciao.backends.kubeflow.blame import SETTLE_SECONDARY, Blame
from ciao.backends.kubeflow.departures import Departures
from ciao.backends.kubeflow.failures import STOPPED, abandoned, failure_of, gone, job_failure, refused, verdict_failure
from ciao.backends.kubeflow.held import condition, held, suspended
from ciao.backends.kubeflow.hints import hint
from ciao.backends.kubeflow.replicas import Container, container_of, moment, replica_of
from ciao.backends.kubeflow.said import Said, about
from ciao.backends.kubeflow.seen import Replicas
from ciao.backends.kubeflow.upkeep import Upkeep
from ciao.backends.kubeflow.waiting import Waiting, why_not_created, why_waiting
from ciao.backends.records import dumped, exception_failure, fuller, traced
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
    ReplicaState,
    Summary,
    reason_of,
)

__all__ = ["Story"]

RESTARTING = 120.0
"""Seconds in which an operator has started the group again, if it is to: it waits for the end of all pods."""

RESTART = "jobset.sigs.k8s.io/restart-attempt"


@dataclass(kw_only=True)
class Story:
    """What is known of a job so far.

    ``timeout`` is in seconds; ``retries`` is how often the group may start again, ``restarts`` how often its operator
    does that by itself, ``least`` how few replicas of an elastic job may be left. ``known`` is how it ended, if that
    was found out earlier. ``own`` is how %include= names a module of the user's own; empty for any other.
    """

    job: Job
    timeout: float | None = None
    retries: int = 0
    restarts: int = 0
    kind: str = ""
    namespace: str = ""
    outcome: Outcome | None = None
    started: float | None = None
    attempt: int = 1
    hint: str = ""
    known: Outcome | None = None
    least: int | None = None
    own: Callable[[str], str] = lambda _: ""
    _previous: list[Failure] = field(default_factory=list)
    _object: Manifest = field(default_factory=dict)
    _said: Said = field(default_factory=Said)
    _verdict_at: float | None = None
    _departures: Departures = field(default_factory=Departures)
    _upkeep: Upkeep = field(default_factory=Upkeep)
    _pending: dict[str, tuple[str, Manifest]] = field(default_factory=dict)
    _past: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.replicas = Replicas(self.job)
        framework = FRAMEWORKS[self.job.framework]
        ranked = framework.ranked(map(Replica.parse, self.job.replicas))
        self.ranked = tuple(map(str, ranked))
        self.decisive = tuple(map(str, framework.decisive(ranked)))
        self._blame = Blame(most=0 if self.least is None else len(ranked))

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
        uid = str(metadata.get("uid"))
        if uid != self.replicas.uid(name):
            if deleted or uid in self._past:
                return  # a pod of an attempt before
            self.replicas.take(name, uid)
            self._departures.back(name)
        yield from self._deleted(name, pod, now) if deleted else self._changed(name, pod, now)

    def see_job(self, manifest: Manifest | None, *, now: float) -> Iterator[Event]:
        """The job's object as it is now; None: it was deleted, and not by us."""
        if self.outcome is not None or (manifest is None and self.known is not None):
            return
        if manifest is None:
            if not self._succeeded() and self._blame.only_deleted():  # its pods' end may be heard of before its own
                self._blame = Blame(most=self._blame.most)
                self._blame.add(job_failure("JobDeleted", "it was deleted by somebody else", now=now), now)
                yield from self._end(Phase.FAILED, now)
            return
        self._object = manifest
        if suspended(manifest):
            yield from self._hold_back(now)
        verdict = condition(manifest, "Failed") or condition(manifest, "Succeeded") or condition(manifest, "Complete")
        if verdict is not None and self._verdict_at is None:
            self._verdict_at = now
        yield from self._reasons(now)

    def see_event(self, event: Manifest, *, now: float) -> Iterator[Event]:
        """An event of the job, or of what belongs to it."""
        self._said.add(event)
        if self.outcome is None:
            yield from self._reasons(now)
            yield from self._waits(event, now)

    def see_record(self, replica: str, record: Mapping[str, Any], *, now: float) -> Iterator[Event]:
        """What the runner wrote into a replica's log. After the end it may still tell more of why that came."""
        if replica not in self.ranked:
            return
        failure = exception_failure(replica, record, seen=now)
        if failure is not None:
            self._raised(failure, now)
        elif record.get("type") == "started":
            self._blame.began_again(replica)
        elif (dump := dumped(replica, record)) is not None:
            yield dump
        elif (known := self._blame.of(replica)) is not None and (trace := traced(known, record)) is not None:
            yield trace

    def _raised(self, failure: Failure, now: float) -> None:
        if self.outcome is None:
            self._blame.raised(failure, now)
        elif (first := self.outcome.failure) is not None and first.replica == failure.replica:
            self.outcome = replace(self.outcome, failure=fuller(first, failure))  # its pod's status had it in short

    def begin_attempt(self, number: int, *, now: float) -> Iterator[Event]:
        """The group was started again."""
        first, _ = self._blame.first()
        if first is not None:
            self._previous.append(first)
            yield Attempt(number=number, of=max(self.retries, self.restarts) + 1, failure=first)
        self.attempt, self._verdict_at = number, None
        self._departures = Departures()
        self._blame = Blame(most=self._blame.most)
        self._past.update(filter(None, map(self.replicas.uid, self.ranked)))
        self._said = Said()
        yield from self.replicas.restart(now=now)

    # What follows from it.

    def tick(self, now: float) -> Iterator[Event]:
        """What the time that has passed decides. Finished is among it: drain the logs before it."""
        if self.outcome is not None:
            return
        if self.known is not None:
            self.outcome = self.known
            yield Finished(outcome=self.known)
        elif self._succeeded():
            yield from self._end(Phase.SUCCEEDED, now)
        elif self._blame.since is not None:
            if now >= self._blame.since + self._settled_after() and not self.retry_due(now):
                yield from self._end(Phase.FAILED, now)
        else:
            yield from self._overdue(now)

    def _overdue(self, now: float) -> Iterator[Event]:
        """Ends for which only time has to pass."""
        if self.timeout is not None and self.started is not None and now > self.started + self.timeout:
            words = f"the job ran longer than its timeout of {self.timeout:g} s"
            self._blame.add(job_failure("DeadlineExceeded", words, now=now), now)
            yield from self._end(Phase.FAILED, now)
        elif (hopeless := self.replicas.hopeless(now)) is not None and not self._enough():
            name, waiting = hopeless
            self._blame.add(refused(name, waiting.code, waiting.words, now=now), now)
            self.hint = waiting.fix
            yield from self._end(Phase.FAILED, now)
        elif self._verdict_at is not None and now >= self._verdict_at + SETTLE_SECONDARY:
            yield from self._operators_word(now)
        else:
            yield from self.replicas.still(now)

    def due(self, now: float) -> float:
        """Seconds until the next tick is worth its while; infinite if only news can change anything."""
        moments = [self.replicas.patience_ends()]
        if self._blame.since is not None:
            moments.append(self._blame.since + self._settled_after())
        if self.timeout is not None and self.started is not None:
            moments.append(self.started + self.timeout)
        if self._verdict_at is not None:
            moments.append(self._verdict_at + SETTLE_SECONDARY)
        return max(0.01, min(moments) - now)

    def retry_due(self, now: float) -> bool:
        """The attempt has failed, and another is allowed."""
        settled = self._blame.since is not None and now >= self._blame.since + self._blame.settles()
        return settled and self.attempt <= self.retries and self.outcome is None

    def summary(self) -> Summary:
        """What a list of jobs shows."""
        phase = Phase.RUNNING if self.started is not None else Phase.PENDING
        return Summary(
            job=self.job,
            phase=self.outcome.phase if self.outcome else phase,
            replicas=self.replicas.statuses(),
            started=self.started,
            outcome=self.outcome,
            kind=self.kind,
            namespace=self.namespace,
        )

    def _changed(self, name: str, pod: Manifest, now: float) -> Iterator[Event]:
        container = container_of(pod)
        self._pending.pop(pod["metadata"]["name"], None)
        self._start(container, now)
        yield from self._upkeep.started_again(name, str(pod["metadata"].get("uid")), container)
        leaves = (pod.get("metadata") or {}).get("deletionTimestamp") is not None
        failure = failure_of(name, pod, now=now)
        if leaves:
            failure = self._left(name, pod, failure, now)
        yield from self._upkeep.heard(name, pod)
        if failure is not None and self._ended_by_others(leaves, container.terminated):
            yield from self._let_go(name, now)
        elif failure is not None and self._blame.spares(failure):
            yield from self._lose(name, failure, now)
        elif failure is not None:
            self._blame.add(failure, now)
            reason = reason_of(self._blame.of(name) or failure)
            yield from self.replicas.become(name, ReplicaState.FAILED, since=failure.time, reason=reason)
        elif container.terminated is not None:
            yield from self.replicas.become(name, ReplicaState.SUCCEEDED, since=now)
        elif container.running is not None:
            since = moment(container.running.get("startedAt"), otherwise=now)
            yield from self.replicas.become(name, ReplicaState.RUNNING, since=since)
        else:
            self._pending[pod["metadata"]["name"]] = name, pod
            yield from self.replicas.wait(name, self._why(pod), now=now)

    def _left(self, name: str, pod: Manifest, failure: Failure | None, now: float) -> Failure | None:
        """The failure of a pod that is being deleted: what it tells itself is then how it was ended, not why."""
        if not self._over() or not self._blame.any():
            self._departures.leave(gone(name, pod, now=now), over=self._over())
        if failure is not None and failure.ename in ("SIGTERM", "SIGKILL"):
            return self._departures.of(name) or failure
        return self._departures.of(name) if failure is None and abandoned(pod) else failure

    def _waits(self, event: Manifest, now: float) -> Iterator[Event]:
        """An event of a pod that waits may say why; the pod itself need not change any more."""
        name, pod = self._pending.get(about(event, "Pod"), ("", {}))
        if name and self.replicas.waits(name, str(pod["metadata"].get("uid"))):
            yield from self.replicas.wait(name, self._why(pod), now=now)

    def _start(self, container: Container, now: float) -> None:
        """The job began with its first container; one may be too short to be seen running."""
        state = container.running or container.terminated
        if self.started is None and state is not None:
            self.started = moment(state.get("startedAt"), otherwise=now)

    def _deleted(self, name: str, pod: Manifest, now: float) -> Iterator[Event]:
        if suspended(self._object):
            self.replicas.take(name, "")
            yield from self._let_go(name, now)
            return
        if not self.replicas.is_open(name):
            return
        if not self._over():
            lost = gone(name, pod, now=now)
            if self._blame.spares(lost):
                yield from self._lose(name, lost, now)
                return
            self._blame.add(replace(lost, secondary=True), now)  # it may follow from what has not been seen yet
            yield from self.replicas.become(name, ReplicaState.FAILED, since=now, reason=reason_of(lost))
        else:
            yield from self.replicas.become(name, ReplicaState.ENDED, since=now)

    def _lose(self, name: str, failure: Failure, now: float) -> Iterator[Event]:
        """An elastic job goes on without it."""
        yield from self._blame.spare(self.replicas.uid(name), failure)
        yield from self.replicas.become(name, ReplicaState.FAILED, since=now, reason=reason_of(failure))

    def _enough(self) -> bool:
        """After a loss those that are left go on, whether or not another pod comes for it."""
        running = [name for name in self.ranked if self.replicas.state(name) is ReplicaState.RUNNING]
        return self.least is not None and self._blame.spared() and len(running) >= self.least

    def _let_go(self, name: str, now: float) -> Iterator[Event]:
        """Its end was not its own: it is done, or waits for another pod if the job is held back."""
        if suspended(self._object):
            yield from self.replicas.wait(name, self._held(), now=now)
        else:
            yield from self.replicas.become(name, ReplicaState.ENDED, since=now)

    def _hold_back(self, now: float) -> Iterator[Event]:
        """Its pods are being ended, or what looked like their loss was that; whatever they still tell is past."""
        self._departures.were_asked_for()
        for name in {*self._blame.forgive_stopped(), *self.replicas.open()}:
            if uid := self.replicas.uid(name):
                self._past.add(uid)
                self.replicas.take(name, "")
                yield from self.replicas.wait(name, self._held(), now=now)

    def _ended_by_others(self, leaves: bool, terminated: Manifest | None) -> bool:  # noqa: FBT001 - of the pod
        """A replica that was told to end: by the operator after another's end, or by a suspension."""
        held_back = suspended(self._object)
        stopped = terminated is not None and terminated.get("exitCode") in (STOPPED, 137)
        return stopped and ((leaves and self._over()) or held_back)

    def _over(self) -> bool:
        """The operator has a reason to end replicas."""
        return self._blame.since is not None or self._verdict_at is not None or self._succeeded()

    def _reasons(self, now: float) -> Iterator[Event]:
        """Why replicas that have no pod wait: what concerns the job as a whole."""
        why = self._held() or why_not_created(self._said.of_job())
        yield from self.replicas.wait_for_pods(why, now=now)

    def _held(self) -> Waiting | None:
        return held(self._object, self._said.of_job())

    def _why(self, pod: Manifest) -> Waiting | None:
        return why_waiting(pod, self._said.of_pod(pod["metadata"]["name"])) or self._held()

    def _succeeded(self) -> bool:
        return self.replicas.succeeded(self.decisive) and self._blame.echoes()

    def _settled_after(self) -> float:
        """Seconds after the first failure at which it is the end; an operator that starts again is waited for."""
        again = self._verdict_at is None and self.attempt <= self.restarts
        return RESTARTING if again else self._blame.settles()

    def _operators_word(self, now: float) -> Iterator[Event]:
        """The operator has decided, and the replicas do not tell why: their pods are gone, or never were."""
        verdict = condition(self._object, "Failed")
        if verdict is not None and not self._blame.spared():  # the verdict may follow from a pod that somebody deleted
            told = verdict_failure(verdict, now=now)
            lost = self._departures.first()
            self._blame.add(lost if lost is not None and told.kind != "timeout" else told, now)
        yield from self._end(Phase.FAILED if verdict is not None else Phase.SUCCEEDED, now)

    def _end(self, phase: Phase, now: float) -> Iterator[Event]:
        for name in self.replicas.open():
            failure = self._blame.of(name)  # its record has come, its container's end has not
            state = ReplicaState.ENDED if failure is None else ReplicaState.FAILED
            reason = "" if failure is None else reason_of(failure)
            yield from self.replicas.become(name, state, since=now, reason=reason)
        first, others = self._blame.first()
        self.outcome = Outcome(
            phase=phase,
            ended=now,
            failure=first if phase is Phase.FAILED else None,
            others=others if phase is Phase.FAILED else (),
            attempts=self.attempt,
            previous=tuple(self._previous),
            hint=self.hint or (hint(first, self.own, self.job.replicas) if first is not None else ""),
        )
        yield Finished(outcome=self.outcome)
