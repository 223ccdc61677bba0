"""``ciao attach`` and ``ciao logs --follow``: which job's events to show, and which of its lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.commands.line import Request
from ciao.commands.logs import checked_replica
from ciao.commands.wanted import HERE, Pace, Wanted, pace_of
from ciao.model import Event

__all__ = ["Following", "following"]


@dataclass(frozen=True, kw_only=True)
class Following:
    """The job to follow, and where it is: its backend, and its namespace there.

    ``wanted`` are the lines to show. ``note`` says which job, where its name was not typed whole.
    """

    job: str
    backend: str = "local"
    namespace: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    pace: Pace = HERE
    timestamps: bool = False
    note: str = ""

    @property
    def replica(self) -> str | None:
        """The only one whose lines are shown."""
        return self.wanted.replica

    def select(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The job's events with the lines that are wanted."""
        return self.wanted.select(events, pace=self.pace)


async def following(backend: Backend, request: Request, *, own: Own | None = None) -> Following:
    """What ``attach`` or ``logs --follow`` asks for. Raises JobNotFound."""
    running_first = request.command == "attach" or request.job is not None
    choice = choose.only_running if running_first else choose.newest
    chosen = await choice(backend, request.job, own=own)
    wanted = Wanted.of(tail=request.tail, since=request.since, grep=request.grep)
    return Following(
        job=chosen.name,
        backend=chosen.summary.job.backend,
        namespace=chosen.summary.namespace,
        wanted=replace(wanted, replica=checked_replica(chosen.summary, request.replica)),
        pace=pace_of(chosen.summary),
        timestamps=request.timestamps,
        note=chosen.note,
    )
