"""When an attempt is over, and how: pure functions of what is known of its replicas.

Imported by the supervisor, which starts with every job: nothing that costs time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Protocol

    class Replica(Protocol):
        """What is known of one: ``code`` is None while it runs; ``secondary`` and ``raised`` tell of its failure."""

        @property
        def name(self) -> str: ...
        @property
        def code(self) -> int | None: ...
        @property
        def failed(self) -> bool: ...
        @property
        def secondary(self) -> bool: ...
        @property
        def raised(self) -> bool: ...


__all__ = ["SETTLE", "SETTLE_SECONDARY", "lingering", "settled_at", "spared", "succeeded", "verdict"]

SETTLE = 0.3
"""Seconds after the first failure in which the others may still show theirs, so that the first by cause is found."""

SETTLE_SECONDARY = 3.0
"""The same while all failures look like the loss of a peer: the peer's own end has not been seen yet."""


def verdict(
    replicas: Sequence[Replica],
    decisive: Collection[str],
    *,
    now: float,
    cancelled: bool,
    failed_at: float | None,
    deadline: float | None,
    least: int | None = None,
) -> tuple[str, str] | None:
    """The attempt's phase and the reason that forbids another; None while it goes on.

    A failure that was seen before the deadline is the job's end, also if its settling lasts longer.
    """
    if cancelled:
        return "cancelled", "cancelled"
    if succeeded(replicas, decisive, least):
        return "succeeded", ""
    if failed_at is not None:
        return ("failed", "") if now >= settled_at(replicas, failed_at) else None
    return ("failed", "timeout") if deadline is not None and now > deadline else None


def succeeded(replicas: Sequence[Replica], decisive: Collection[str], least: int | None = None) -> bool:
    """All decisive replicas have, and nobody failed but for their leaving; of an elastic job all that are left."""
    if least is not None:
        return spared(replicas, least) and all(r.code is not None for r in replicas)
    done = all(r.code == 0 and not r.failed for r in replicas if r.name in decisive)
    return done and all(r.secondary for r in replicas if r.failed)


def spared(replicas: Sequence[Replica], least: int) -> bool:
    """An elastic job goes on: at least so many are left, and nobody's code raised an error of its own.

    The first is among them: the others meet there. What fails because another one left is started again below the
    replica, which itself still runs.
    """
    left = [r.code == 0 or (r.code is None and (r.secondary or not r.failed)) for r in replicas]
    return left[0] and sum(left) >= least and not any(r.raised for r in replicas)


def lingering(replicas: Sequence[Replica], endless: Collection[str]) -> bool:
    """Somebody still runs who ends by himself, as workers do and parameter servers do not."""
    return any(r.code is None and r.name not in endless for r in replicas)


def settled_at(replicas: Sequence[Replica], failed_at: float) -> float:
    """When no earlier cause of the failures is waited for any more."""
    return failed_at + (SETTLE_SECONDARY if all(r.secondary for r in replicas if r.failed) else SETTLE)
