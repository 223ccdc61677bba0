"""``ciao cancel`` and ``ciao delete``: end a job, and remove what is kept of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.errors import JobNotFound
from ciao.model import Phase

__all__ = ["Ended", "cancel", "delete", "delete_ended"]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What was done to which job. ``before`` is where it stood when it was asked for, ``phase`` how it ended.

    ``note`` says which job it is, where none was named.
    """

    job: str
    before: Phase
    phase: Phase
    deleted: bool = False
    note: str = ""


async def cancel(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Ended:
    """End a job; returns when no replica is left. A job that has ended stays as it is."""
    chosen = await choose.to_cancel(backend, name, own=own)
    before = chosen.summary.phase
    if before.ended:
        return Ended(job=chosen.name, before=before, phase=before)
    outcome = await backend.cancel(chosen.name)
    return Ended(job=chosen.name, before=before, phase=outcome.phase, note="" if name else chosen.note)


async def delete(backend: Backend, name: str) -> Ended:
    """End a job if it runs, and remove all that is known of it."""
    chosen = await choose.named(backend, name)
    before = chosen.summary.phase
    await backend.delete(chosen.name)
    return Ended(job=chosen.name, before=before, phase=before if before.ended else Phase.CANCELLED, deleted=True)


async def delete_ended(backend: Backend, *, confirmed: bool = False) -> tuple[str, ...]:
    """The names of all jobs that ended; they are deleted only if that is confirmed."""
    names = tuple(s.job.name for s in await backend.jobs() if s.phase.ended)
    for name in names if confirmed else ():
        with suppress(JobNotFound):  # somebody else was quicker
            await backend.delete(name)
    return names
