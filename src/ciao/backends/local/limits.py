"""Memory limits of replicas, held by looking: what a replica uses with all of its processes, as often as is needed.

Imported by the supervisor, and only for a job that asked for memory.
"""

from __future__ import annotations

import math
import os
import signal
import time

from ciao.backends.local.processes import Family, used
from ciao.backends.memory import bytes_of

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ciao.backends.local.child import Child

__all__ = ["Limits", "nap"]

SPEED = 4 * 1024**3
"""Bytes a second by which a replica is taken to grow at the most: the next look comes before it could be at its limit.

One thread that touches fresh memory gets about a gigabyte a second."""

QUICK, SLOW = 0.02, 0.25
"""Seconds between two looks: next to the limit, and far from it."""

DEAR = 4.0
"""A look is followed by a pause of so many times its own length at least."""


class Limits:
    """Of the replicas of one attempt. ``limits`` are quantities by the replica's name."""

    def __init__(self, job: str, children: Iterable[Child], limits: Mapping[str, str]) -> None:
        running = [child for child in children if child.running]
        self._family = Family(job, {child.name: child.pid for child in running})
        self._bytes = {child: wanted for child in running if (wanted := bytes_of(limits.get(child.name))) is not None}
        self._due = dict.fromkeys(self._bytes, 0.0)

    @property
    def due(self) -> float:
        """When to look again, on the monotonic clock."""
        return min(self._due.values(), default=math.inf)

    def exceeded(self) -> Iterator[tuple[Child, int]]:
        """Replicas beyond their limit, and the bytes that they used. They and all of their processes are killed."""
        for child, due in list(self._due.items()):
            if not child.running:
                del self._due[child]
            elif (began := time.monotonic()) >= due:
                members = self._family.members(child.pid)
                total = used(members, limit=self._bytes[child])
                if total > self._bytes[child]:
                    del self._due[child]
                    _kill(child, members)
                    yield child, total
                else:
                    now = time.monotonic()
                    self._due[child] = now + nap(self._bytes[child] - total, look=now - began)


def nap(room: int, *, look: float) -> float:
    """Seconds until the next look at a replica that has ``room`` bytes left, after one that took ``look`` seconds."""
    return max(QUICK, min(SLOW, room / SPEED), DEAR * look)


def _kill(child: Child, members: Iterable[int]) -> None:
    child.signal(signal.SIGKILL)
    for pid in members:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # the group had it already
            continue
