"""``ciao logs``: the lines of a job, so far or to its end, of one replica or of all in the order of time."""

from __future__ import annotations

from collections import deque
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
    ``earlier`` is how many that were are before these: nobody can show so many.
    """

    job: str
    replicas: tuple[str, ...]
    lines: tuple[Line, ...]
    replica: str | None = None
    running: bool = False
    narrow: bool = False
    earlier: int = 0
    note: str = ""


async def logs(
    backend: Backend, name: str | None = None, *, wanted: Wanted = ALL, most: int | None = None, own: Own | None = None
) -> Log:
    """The lines of a job that ended, or those so far of one that runs, as far as ``wanted``, the last ``most`` of them.

    Raises JobNotFound.
    """
    chosen = await choose.newest(backend, name, own=own)
    wanted = replace(wanted, replica=checked_replica(chosen.summary, wanted.replica))
    running = not chosen.summary.phase.ended
    by_replica: dict[str, deque[Line]] = {}
    room, total = min((n for n in (most, wanted.tail) if n is not None), default=None), 0
    async with aclosing(marked(backend.watch(chosen.name, replica=wanted.replica), pace_of(chosen.summary))) as events:
        async for event in events:
            if running and event is None:
                break
            if isinstance(event, Lines):
                for line in wanted.of_them(event.lines):
                    by_replica.setdefault(line.replica, deque(maxlen=room)).append(line)
                    total += 1
    lines = _merged(by_replica)
    lines = lines if room is None else lines[-room:]
    return Log(
        job=chosen.name,
        replicas=chosen.summary.job.replicas,
        lines=lines,
        replica=wanted.replica,
        running=running,
        narrow=wanted.narrow,
        earlier=(total if wanted.tail is None else min(total, wanted.tail)) - len(lines),
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


def _merged(by_replica: dict[str, deque[Line]]) -> tuple[Line, ...]:
    merge = Merge()
    for replica, lines in by_replica.items():
        merge.add(replica, tuple(lines))
    return tuple(merge.take())
