"""Where a job and its replicas stand."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Phase", "ReplicaState"]


class Phase(StrEnum):
    """Where a job stands. LOST: whoever watched over it on its backend is gone, so its end is unknown."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        """Nothing more will happen."""
        return self not in (Phase.PENDING, Phase.RUNNING)


class ReplicaState(StrEnum):
    """Where a replica stands. ENDED: stopped by us (clean-up, cancel), which is nobody's failure."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ENDED = "ended"
