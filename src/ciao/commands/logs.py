"""``ciao logs``: the lines of a job, so far or to its end, of one replica or of all in the order of time."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.commands.wanted import Wanted, marked, pace_of
from ciao.errors import JobNotFound
from ciao.logs.merge import Merge
from ciao.model import Line, Lines, Summary

__all__ = ["Log", "checked_replica", "logs"]


ALL = Wanted()


@dataclass(frozen=True, kw_only=True)
class Log:
    """The lines of a job, of all ``replicas`` or of one. ``running``: there will be more.

    ``note`` says which job it is, where none was named; ``narrow``: there are lines that were not asked for.
    """

    job: str
    replicas: tuple[str, ...]
    lines: tuple[Line, ...]
    replica: str | None = None
    running: bool = False
    narrow: bool = False
    note: str = ""


async def logs(backend: Backend, name: str | None = None, *, wanted: Wanted = ALL, own: Own | None = None) -> Log:
    """The lines of a job that ended, or those so far of one that runs, as far as ``wanted``. Raises JobNotFound."""
    chosen = await choose.newest(backend, name, own=own)
    wanted = replace(wanted, replica=checked_replica(chosen.summary, wanted.replica))
    running = not chosen.summary.phase.ended
    by_replica: dict[str, list[Line]] = {}
    async with aclosing(marked(backend.watch(chosen.name, replica=wanted.replica), pace_of(chosen.summary))) as events:
        async for event in events:
            if running and event is None:
                break
            if isinstance(event, Lines):
                for line in wanted.of_them(event.lines):
                    by_replica.setdefault(line.replica, []).append(line)
    return Log(
        job=chosen.name,
        replicas=chosen.summary.job.replicas,
        lines=wanted.last(_merged(by_replica)),
        replica=wanted.replica,
        running=running,
        narrow=wanted.narrow,
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


def _merged(by_replica: dict[str, list[Line]]) -> tuple[Line, ...]:
    merge = Merge()
    for replica, lines in by_replica.items():
        merge.add(replica, lines)
    return tuple(merge.take())
