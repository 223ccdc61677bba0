"""``ciao logs``: the lines of a job, so far or to its end, of one replica or of all in the order of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.errors import JobNotFound
from ciao.logs.lines import stamp
from ciao.logs.merge import Merge
from ciao.model import Event, Line, Lines, Summary

__all__ = ["Log", "checked_replica", "logs"]

QUIET = 0.3
"""Seconds without news after which the lines so far of a job that runs are thought to be all."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """The lines of a job, of all ``replicas`` or of one. ``running``: there will be more.

    ``note`` says which job it is, where none was named.
    """

    job: str
    replicas: tuple[str, ...]
    lines: tuple[Line, ...]
    replica: str | None = None
    running: bool = False
    note: str = ""


async def logs(backend: Backend, name: str | None = None, *, replica: str | None = None, own: Own | None = None) -> Log:
    """All lines of a job that ended, or the lines so far of one that runs. Raises JobNotFound."""
    chosen = await choose.newest(backend, name, own=own)
    wanted = checked_replica(chosen.summary, replica)
    running = not chosen.summary.phase.ended
    by_replica: dict[str, list[Line]] = {}
    events = backend.watch(chosen.name)
    async for event in _so_far(events) if running else events:
        if isinstance(event, Lines):
            for line in event.lines:
                by_replica.setdefault(line.replica, []).append(line)
    return Log(
        job=chosen.name,
        replicas=chosen.summary.job.replicas,
        lines=_merged({r: lines for r, lines in by_replica.items() if wanted in (None, r)}),
        replica=wanted,
        running=running,
        note=chosen.note,
    )


def checked_replica(summary: Summary, replica: str | None) -> str | None:
    """The replica's name if the job has it. Raises JobNotFound."""
    job = summary.job
    if replica is None or replica in job.replicas:
        return replica
    few = len(job.replicas) <= 8
    shown = ", ".join(job.replicas) if few else f"{job.replicas[0]} to {job.replicas[-1]}, {len(job.replicas)} in all"
    raise JobNotFound(f"{job.name} has no replica {replica!r}", hint=f"It has {shown}")


async def _so_far(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events up to now: until nothing comes for a moment, or lines come that were written after the question."""
    now = stamp(time.time_ns())
    async with aclosing(events) as stream:
        while True:
            try:
                event = await asyncio.wait_for(anext(stream), QUIET)
            except (TimeoutError, StopAsyncIteration):
                return
            yield event
            if isinstance(event, Lines) and event.lines and event.lines[-1].stamp > now:
                return


def _merged(by_replica: dict[str, list[Line]]) -> tuple[Line, ...]:
    merge = Merge()
    for replica, lines in by_replica.items():
        merge.add(replica, lines)
    return tuple(merge.take())
