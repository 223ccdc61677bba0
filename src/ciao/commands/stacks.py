"""``ciao stacks``: where each replica of a job that runs stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.commands.logs import checked_replica
from ciao.model import Standing

__all__ = ["Stacks", "stacks"]


@dataclass(frozen=True, kw_only=True)
class Stacks:
    """What the processes of a job told; ``replica`` is the one that was asked for. ``cell`` is the label of its cell.

    ``note`` says which job it is, where none was named.
    """

    job: str
    cell: str
    standings: Sequence[Standing]
    replica: str | None = None
    note: str = ""


async def stacks(
    backend: Backend, name: str | None = None, *, replica: str | None = None, own: Own | None = None
) -> Stacks:
    """Ask the job of this name; without one, the only that runs. Raises JobNotFound, and BackendError if it is over."""
    chosen = await choose.only_running(backend, name, own=own)
    replica = checked_replica(chosen.summary, replica)
    told = await backend.stacks(chosen.name, replica=replica)
    job = chosen.summary.job
    return Stacks(job=job.name, cell=job.cell, standings=told, replica=replica, note="" if name else chosen.note)
