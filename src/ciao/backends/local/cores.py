"""Cores of this machine that replicas have for themselves, reserved by lock files as ports are.

A cell that states ``%cpu=2`` gets two cores for each replica as long as there are any that no other replica of this
user has, in this job or in another. A replica for which they do not last runs on all, as one that states nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ciao.backends.local.ports import lock_file
from ciao.backends.threads import cpus
from ciao.home import make_private
from ciao.model import JobSpec

__all__ = ["Cores", "claim", "share", "usable", "wanted"]


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Cores by the name of a replica, and the open locks that hold them."""

    of: Mapping[str, tuple[int, ...]]
    locks: tuple[int, ...] = ()

    def release(self) -> None:
        """Close this process's copies of the locks."""
        for lock in self.locks:
            os.close(lock)


def wanted(spec: JobSpec) -> dict[str, int]:
    """How many whole cores each replica asks for; of those that ask."""
    asked = {role.role: cpus(role.resources.cpu) for role in spec.roles}
    return {str(r): count for r in spec.replicas if (count := asked[r.role]) is not None}


def usable() -> tuple[int, ...]:
    """The cores that this process may use; none where a process cannot be bound to cores."""
    return tuple(sorted(os.sched_getaffinity(0))) if sys.platform == "linux" else ()


def share(asked: Mapping[str, int], free: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Disjoint cores for each replica, in the order of asking; who asks for more than are left gets none."""
    shares, left = {}, list(free)
    for name, count in asked.items():
        if count <= len(left):
            shares[name], left = tuple(left[:count]), left[count:]
    return shares


def claim(asked: Mapping[str, int], *, folder: Path) -> Cores:
    """Take free cores. OSError if the lock files cannot be written."""
    if not asked or not usable():
        return Cores(of={})
    make_private(folder)
    locks = {core: held for core in usable() if (held := lock_file(folder / f"{core}.lock")) is not None}
    shares = share(asked, tuple(locks))
    _let_go(locks, {core for cores in shares.values() for core in cores})
    return Cores(of=shares, locks=tuple(locks.values()))


def _let_go(locks: dict[int, int], kept: Collection[int]) -> None:
    for core in tuple(locks):
        if core not in kept:
            os.close(locks.pop(core))
