"""Which replicas of an attempt have failed, since when, and which of them was the cause. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ciao.backends.cause import first_by_cause
from ciao.backends.kubeflow.losses import Losses
from ciao.backends.records import fuller
from ciao.model import Failure, Notice

__all__ = ["SETTLE", "SETTLE_SECONDARY", "Blame"]

SETTLE = 1.5
"""Seconds after the first failure in which an earlier cause may still show: a kubelet tells an end a second late."""

SETTLE_SECONDARY = 4.0
"""The same while all failures look like the loss of a peer, whose own end has not been seen yet."""


@dataclass(kw_only=True)
class Blame:
    """The first failure of each replica. ``most`` replicas may be lost in all; zero, but of an elastic job.

    ``since`` is when the first failure was seen that ends the attempt, in seconds since the epoch.
    """

    most: int = 0
    since: float | None = None
    _failures: dict[str, Failure] = field(default_factory=dict)
    _losses: Losses = field(init=False)

    def __post_init__(self) -> None:
        self._losses = Losses(most=self.most)

    def of(self, replica: str) -> Failure | None:
        """How this one failed."""
        return self._failures.get(replica)

    def any(self) -> bool:
        """One has failed and was not spared."""
        return bool(self._failures)

    def only_deleted(self) -> bool:
        """None has failed, or all because somebody deleted their pods."""
        return all(failure.ename == "PodDeleted" for failure in self._failures.values())

    def echoes(self) -> bool:
        """None has failed, or all for the loss of a peer."""
        return all(failure.secondary for failure in self._failures.values())

    def add(self, failure: Failure, now: float) -> None:
        """What the cluster tells of a replica's end; its own words, where it has said some, tell more."""
        known = self._failures.get(failure.replica)
        if known is None or known.kind == "lost":
            self._failures[failure.replica] = failure
        elif failure.ename == "OOMKilled":  # what was raised follows from it, as when a child was killed
            self._failures[failure.replica] = replace(failure, error=known.error, time=known.time)
        self._begin(now)

    def raised(self, failure: Failure, now: float) -> None:
        """What the replica itself has told."""
        failure = fuller(self._failures.get(failure.replica), failure)
        self._failures[failure.replica] = failure
        if not self._losses.passes(failure):
            self._begin(now)

    def spares(self, failure: Failure) -> bool:
        """The job goes on without this replica."""
        return self._losses.spares(failure)

    def spare(self, uid: str, failure: Failure) -> Iterator[Notice]:
        """It does, without its pod of this uid."""
        yield from self._losses.add(uid, failure)

    def spared(self) -> bool:
        """There is one without which the job went on."""
        return self._losses.any()

    def began_again(self, replica: str) -> None:
        """Its code was started once more in the same pod: an error that followed from a loss is past."""
        if (known := self._failures.get(replica)) is not None and self._losses.passes(known):
            del self._failures[replica]

    def forgive_stopped(self) -> set[str]:
        """The replicas that were only ended from outside: the job is held back, and that is why."""
        stopped = {name for name, f in self._failures.items() if f.kind == "lost" or f.ename in ("SIGTERM", "SIGKILL")}
        for name in stopped:
            del self._failures[name]
        if not self._failures:
            self.since = None
        return stopped

    def settles(self) -> float:
        """Seconds after the first failure until the cause is known."""
        return SETTLE_SECONDARY if self.echoes() else SETTLE

    def first(self) -> tuple[Failure | None, tuple[Failure, ...]]:
        """The cause, and what else failed."""
        return first_by_cause(self._losses.causes(self._failures))

    def _begin(self, now: float) -> None:
        self.since = now if self.since is None else self.since
