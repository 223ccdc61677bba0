"""Which job is meant: by name, by enough of its beginning, or by whose it is and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.backends.joined import Listing, listed
from ciao.backends.names import not_found
from ciao.errors import CommandError, JobNotFound
from ciao.model import Summary

__all__ = ["Chosen", "Own", "named", "newest", "only_running", "to_cancel"]


@dataclass(frozen=True, kw_only=True)
class Own:
    """Who asks in a cell: the names of the jobs that its kernel ``started``, and its ``notebook`` if that is known.

    In a shell nobody has jobs of their own: None stands in its place.
    """

    started: Sequence[str] = ()
    notebook: str = ""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A job, and what to say of the choice where the user did not type its whole name."""

    summary: Summary
    note: str = ""

    @property
    def name(self) -> str:
        """The job's whole name."""
        return self.summary.job.name


async def named(backend: Backend, name: str, *, running_first: bool = False) -> Chosen:
    """The job of this name, or the only one whose name begins so; if asked, of those that run, if any of them does.

    Raises JobNotFound with the nearest name, or CommandError for the beginning of several.
    """
    listing = await listed(backend)
    known = listing.summaries
    for summary in known:
        if summary.job.name == name:
            return Chosen(summary=summary)
    begin = [s for s in known if s.job.name.startswith(name)]
    match _running(begin) if running_first and _running(begin) else begin:
        case [summary]:
            return Chosen(summary=summary, note=summary.job.name)
        case []:
            raise not_found(name, [s.job.name for s in known], where=f"{backend.where}{_unasked(listing)}")
        case several:
            raise CommandError(f"{len(several)} jobs begin with {name!r}", hint=f"Write one of {_names(several)}")


async def newest(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Chosen:
    """The job of this name; without one, the job that was created last, the asker's own before others."""
    if name is not None:
        return await named(backend, name, running_first=True)
    listing = await listed(backend)
    for group, whose in _groups(listing.summaries, own):
        return Chosen(summary=group[0], note=f"{group[0].job.name} (the newest job{whose}{_unasked(listing)})")
    raise JobNotFound(
        f"there are no jobs on {backend.where} yet{_unasked(listing)}", hint="Run a cell that begins with %framework="
    )


async def only_running(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Chosen:
    """The job of this name; without one, the only job that runs, the asker's own before others; else the newest."""
    if name is not None:
        return await named(backend, name, running_first=True)
    running = _running(await backend.jobs())
    for group, whose in _groups(running, own):
        return _only(group, whose.partition(";")[0])
    chosen = await newest(backend, own=own)
    return Chosen(summary=chosen.summary, note=f"{chosen.note[:-1]}; none runs)")


async def to_cancel(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Chosen:
    """The job of this name; without one, the only job that runs: in a cell, of those that its kernel started.

    What others started is never ended by a word too few.
    """
    if name is not None:
        return await named(backend, name, running_first=True)
    running = _running(await backend.jobs())
    mine = running if own is None else [s for s in running if s.job.name in own.started]
    if mine:
        return _only(mine, "" if own is None else OF_KERNEL)
    if own is None:
        raise JobNotFound(f"no job runs on {backend.where}", hint=ALL_ENDED)
    hint = f"Others do, and end by their name: {_names(running)}" if running else ALL_ENDED
    raise JobNotFound("no job of this kernel runs", hint=hint)


OF_KERNEL = " of this kernel"

ALL_ENDED = "`%ciao jobs` lists those that ended"


def _groups(known: Sequence[Summary], own: Own | None) -> Iterator[tuple[Sequence[Summary], str]]:
    """The asker's jobs, those of the same notebook, all: as far as there are any, with words for whose they are."""
    if own is not None:
        if mine := [s for s in known if s.job.name in own.started]:
            yield mine, OF_KERNEL
        if same := [s for s in known if own.notebook and s.job.notebook == own.notebook]:
            yield same, " of this notebook"
    if known:
        yield known, "" if own is None else "; this kernel has none"


def _unasked(listing: Listing) -> str:
    """Which backends could not be asked, and why."""
    return "".join(f"; {error.message}" for error in listing.missing)


def _running(known: Sequence[Summary]) -> list[Summary]:
    return [s for s in known if not s.phase.ended]


def _only(running: Sequence[Summary], whose: str) -> Chosen:
    if len(running) > 1:
        raise CommandError(f"{len(running)} jobs{whose} run", hint=f"Name one of {_names(running)}")
    return Chosen(summary=running[0], note=f"{running[0].job.name} (the only job{whose} that runs)")


def _names(summaries: Sequence[Summary]) -> str:
    shown = ", ".join(s.job.name for s in summaries[:5])
    return f"{shown} ..." if len(summaries) > 5 else shown
