"""Pods that are deleted while their job is not over: who did that is the cause, whatever they say at their end."""

from __future__ import annotations

from dataclasses import dataclass, field

from ciao.model import Failure

__all__ = ["Departures"]


@dataclass(kw_only=True)
class Departures:
    """Each replica's first, with its failure as one that somebody else has deleted."""

    _left: dict[str, Failure] = field(default_factory=dict)
    _late: Failure | None = None

    def leave(self, failure: Failure, *, over: bool) -> None:
        """A pod is being deleted. ``over``: the operator had a reason by then, but nobody knows it yet."""
        if not over:
            self._left.setdefault(failure.replica, failure)
        elif self._late is None:
            self._late = failure

    def of(self, replica: str) -> Failure | None:
        """What befell this replica, if it left before there was a reason."""
        return self._left.get(replica)

    def first(self) -> Failure | None:
        """What an operator's verdict may follow from: a verdict may overtake the news of the pod."""
        return next(iter(self._left.values()), self._late)

    def back(self, replica: str) -> None:
        """It has another pod."""
        self._left.pop(replica, None)

    def were_asked_for(self) -> None:
        """Forget those that left: the job was held back, and that is why."""
        self._left.clear()
