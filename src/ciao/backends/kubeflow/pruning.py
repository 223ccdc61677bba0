"""Which logs of jobs on a cluster this machine stops keeping, when another job is created."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ciao.backends.kubeflow.keeping import Keep
from ciao.errors import StateError
from ciao.logs.archive import Kept, prune

__all__ = ["prune_kept"]


def prune_kept(home: Path, *, keep_for: float, keep_bytes: int, now: float) -> None:
    """By the rule of settings, as for jobs on this machine. The jobs themselves are the cluster's.

    A job whose end is not known here is never pruned: it may run. Never raises for the disk's sake.
    """
    with contextlib.suppress(OSError, StateError):
        keeps = {keep.folder.path.name: keep for keep in Keep.all(home)}
        for old in prune(_sizes(keeps), keep_for=keep_for, keep_bytes=keep_bytes, now=now):
            keeps[old.name].remove()


def _sizes(keeps: dict[str, Keep]) -> Iterator[Kept]:
    for name, keep in keeps.items():
        with contextlib.suppress(OSError):
            outcome = keep.outcome()
            if outcome is None or keep.folder.supervised():
                yield Kept(name=name, size=0, running=True)
            else:
                yield Kept(name=name, size=keep.folder.size(), ended=outcome.ended)
