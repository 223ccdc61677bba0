"""Replicas that an elastic job has lost: it goes on without them until the cluster has started them again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ciao.k8s.base import Manifest
from ciao.model import Failure, Notice, reason_of

__all__ = ["Losses", "least_of"]


def least_of(manifest: Manifest) -> int | None:
    """How few workers may be left of an elastic job; None for a job whose replicas must all stay."""
    least = ((manifest.get("spec") or {}).get("elasticPolicy") or {}).get("minReplicas")
    return least if isinstance(least, int) else None


@dataclass(kw_only=True)
class Losses:
    """``most``: so many are spared, since what kills a replica again and again is no accident; none if not elastic."""

    most: int
    _lost: dict[str, Failure] = field(default_factory=dict)

    def spares(self, failure: Failure) -> bool:
        """A pod that was killed or went away, as long as its code raised nothing of its own."""
        return len(self._lost) < self.most and (failure.kind in ("signal", "lost") or failure.secondary)

    def passes(self, failure: Failure) -> bool:
        """An exception that follows from a loss: torchrun starts the cell again in the same pod."""
        return self.most > 0 and failure.kind == "exception" and failure.secondary

    def add(self, uid: str, failure: Failure) -> Iterator[Notice]:
        """The pod of this uid is lost; told once."""
        if uid not in self._lost:
            self._lost[uid] = failure
            words = (
                f"{failure.replica} is lost ({reason_of(failure)}): the job goes on, and the cluster starts it again"
            )
            yield Notice(text=words, level="warning")

    def any(self) -> bool:
        """There has been one."""
        return bool(self._lost)

    def causes(self, failures: Mapping[str, Failure]) -> Sequence[Failure]:
        """What may have ended the job: an error of the code has no other cause, anything else follows from a loss."""
        raised = any(f.kind == "exception" and not f.secondary for f in failures.values())
        lost = {} if raised else {f.replica: replace(f, secondary=False) for f in reversed(self._lost.values())}
        return (*lost.values(), *(f for name, f in failures.items() if name not in lost))
