"""``ciao attach`` and ``ciao logs --follow``: which job's events to show, and which of its lines."""

from __future__ import annotations

from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.commands.line import Request
from ciao.commands.logs import checked_replica

__all__ = ["Following", "following"]


@dataclass(frozen=True, kw_only=True)
class Following:
    """The job to follow. ``replica``: only its lines. ``note`` says which job, where its name was not typed whole."""

    job: str
    replica: str | None = None
    timestamps: bool = False
    note: str = ""


async def following(backend: Backend, request: Request, *, own: Own | None = None) -> Following:
    """What ``attach`` or ``logs --follow`` asks for. Raises JobNotFound."""
    choice = choose.only_running if request.command == "attach" else choose.newest
    chosen = await choice(backend, request.job, own=own)
    return Following(
        job=chosen.name,
        replica=checked_replica(chosen.summary, request.replica),
        timestamps=request.timestamps,
        note=chosen.note,
    )
