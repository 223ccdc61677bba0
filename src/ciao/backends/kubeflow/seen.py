"""The replicas of a job as they were last seen: state, pod, and why one waits. Every change is told as an event."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ciao.backends.kubeflow.waiting import Waiting
from ciao.model import Event, Job, ReplicaChanged, ReplicaState, ReplicaStatus

__all__ = ["Replicas"]

_OPEN = (ReplicaState.WAITING, ReplicaState.RUNNING)


@dataclass(kw_only=True)
class _Replica:
    status: ReplicaStatus
    uid: str = ""
    waiting: Waiting | None = None
    waiting_since: float = math.inf


class Replicas:
    """By name. The clock is the caller's."""

    def __init__(self, job: Job) -> None:
        self._all = {
            name: _Replica(status=ReplicaStatus(replica=name, state=ReplicaState.WAITING, since=job.created))
            for name in job.replicas
        }
        self._waiting = dict[str, _Replica]()  # those of whom it is known why
        self._podless = dict.fromkeys(job.replicas)
        self._why_podless: Waiting | None = None
        self._all_know_why = True

    def statuses(self) -> tuple[ReplicaStatus, ...]:
        """Of all, in the job's order."""
        return tuple(one.status for one in self._all.values())

    def uid(self, name: str) -> str:
        """Of the pod that is the replica now; empty before there is one."""
        return self._all[name].uid

    def take(self, name: str, uid: str) -> None:
        """This pod is the replica now; none if the uid is empty."""
        self._all[name].uid = uid
        if uid:
            self._podless.pop(name, None)
        else:
            self._podless[name] = None
            self._all_know_why = False

    def state(self, name: str) -> ReplicaState:
        """Where it stands."""
        return self._all[name].status.state

    def waits(self, name: str, uid: str) -> bool:
        """This pod is the replica now, and does not run yet."""
        return self._all[name].uid == uid and self.state(name) is ReplicaState.WAITING

    def is_open(self, name: str) -> bool:
        """It has not ended."""
        return self.state(name) in _OPEN

    def open(self) -> list[str]:
        """Those that have not ended."""
        return list(filter(self.is_open, self._all))

    def succeeded(self, names: Sequence[str]) -> bool:
        """All of these have."""
        return all(self.state(name) is ReplicaState.SUCCEEDED for name in names)

    def become(self, name: str, state: ReplicaState, *, since: float, reason: str = "") -> Iterator[Event]:
        """It is in a state now; tells it if that is news. Another reason to wait is no new wait."""
        one = self._all[name]
        if state is not ReplicaState.WAITING:
            one.waiting = None
            self._waiting.pop(name, None)
        if (one.status.state, one.status.reason) == (state, reason):
            return
        kept = one.status.since if one.status.state is state else since
        one.status = ReplicaStatus(replica=name, state=state, since=kept, reason=reason)
        yield ReplicaChanged(status=one.status)

    def wait(self, name: str, why: Waiting | None, *, now: float) -> Iterator[Event]:
        """It waits, and this is why, as far as is known."""
        one = self._all[name]
        if (why.code if why else None) != (one.waiting.code if one.waiting else None):
            one.waiting_since = now
        silent = why is None or now < one.waiting_since + why.quiet
        words = "" if why is None or silent else why.words if not why.fix else f"{why.words}. {why.fix}"
        yield from self.become(name, ReplicaState.WAITING, since=now, reason=words)
        one.waiting = why
        if why is None:
            self._waiting.pop(name, None)
        else:
            self._waiting[name] = one

    def wait_for_pods(self, why: Waiting | None, *, now: float) -> Iterator[Event]:
        """Those without a pod wait, and this is why. Asked for with each event, and mostly nothing new."""
        if self._all_know_why and why == self._why_podless:
            return
        self._why_podless, self._all_know_why = why, True
        for name in self._podless:
            if self.state(name) is ReplicaState.WAITING:
                yield from self.wait(name, why, now=now)

    def still(self, now: float) -> Iterator[Event]:
        """Waits that have become long enough to be told."""
        for name, one in list(self._waiting.items()):
            if one.waiting is not None and one.waiting.quiet and one.status.state is ReplicaState.WAITING:
                yield from self.wait(name, one.waiting, now=now)

    def restart(self, *, now: float) -> Iterator[Event]:
        """All wait for new pods."""
        for name in self._all:
            self.take(name, "")
            yield from self.wait(name, None, now=now)

    def hopeless(self, now: float) -> tuple[str, Waiting] | None:
        """One that has waited for what cannot come, and why."""
        for name, one in self._waiting.items():
            if one.waiting is not None and now >= one.waiting_since + one.waiting.patience:
                return name, one.waiting
        return None

    def patience_ends(self) -> float:
        """The next moment at which a wait is to be told, or becomes hopeless; infinite if there is none."""
        return min((end for one in self._waiting.values() for end in _ends(one)), default=math.inf)


def _ends(one: _Replica) -> Iterator[float]:
    """When it must be told that it waits, and when it has waited for too long."""
    if one.waiting is not None:
        yield one.waiting_since + one.waiting.patience
        if one.waiting.quiet and not one.status.reason:
            yield one.waiting_since + one.waiting.quiet
