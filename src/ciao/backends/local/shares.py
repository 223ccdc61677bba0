"""Cores and GPUs of this machine that replicas have for themselves, reserved by lock files as ports are.

A cell that states ``%cpu=2`` gets two cores for each replica as long as there are any that no other replica of this
user has, in this job or in another. A replica for which they do not last runs on all, as one that states nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ciao.backends.local.ports import lock_file
from ciao.home import make_private

__all__ = ["Shares", "claim", "share"]

T = TypeVar("T", int, str)


@dataclass(frozen=True, kw_only=True)
class Shares(Generic[T]):
    """What belongs to each replica, by its name, and the open locks that hold it."""

    of: Mapping[str, tuple[T, ...]] = field(default_factory=dict)
    locks: tuple[int, ...] = ()

    def release(self) -> None:
        """Close this process's copies of the locks."""
        for lock in self.locks:
            os.close(lock)


def share(asked: Mapping[str, int], free: Sequence[T]) -> dict[str, tuple[T, ...]]:
    """Disjoint shares for the replicas, in the order of asking; who asks for more than is left gets none."""
    shares, left = {}, list(free)
    for name, count in asked.items():
        if count <= len(left):
            shares[name], left = tuple(left[:count]), left[count:]
    return shares


def claim(asked: Mapping[str, int], there: Sequence[T], *, folder: Path) -> Shares[T]:
    """Take what is free of what is ``there``. OSError if the lock files cannot be written."""
    if not asked or not there:
        return Shares()
    make_private(folder)
    locks: dict[T, int] = {}
    for one in there:
        held = lock_file(folder / f"{str(one).replace('/', '-')}.lock")
        if held is not None:
            locks[one] = held
    shares = share(asked, tuple(locks))
    _let_go(locks, {one for of in shares.values() for one in of})
    return Shares(of=shares, locks=tuple(locks.values()))


def _let_go(locks: dict[T, int], kept: Collection[T]) -> None:
    for one in tuple(locks):
        if one not in kept:
            os.close(locks.pop(one))
