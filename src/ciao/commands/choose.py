"""Which job is meant: by name, by enough of its beginning, or by there being just one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.errors import JobNotFound, did_you_mean
from ciao.model import Summary

__all__ = ["Chosen", "named", "newest", "only_running"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A job, and what to say of the choice where the user did not type its whole name."""

    summary: Summary
    note: str = ""

    @property
    def name(self) -> str:
        """The job's whole name."""
        return self.summary.job.name


async def named(backend: Backend, name: str) -> Chosen:
    """The job of this name, or the only one whose name begins so. Raises JobNotFound with the nearest name."""
    known = await backend.jobs()
    for summary in known:
        if summary.job.name == name:
            return Chosen(summary=summary)
    match [s for s in known if s.job.name.startswith(name)]:
        case [summary]:
            return Chosen(summary=summary, note=summary.job.name)
        case []:
            hint = did_you_mean(name, [s.job.name for s in known]) or "'ciao jobs' lists them"
            raise JobNotFound(f"there is no job {name!r} on {backend.where}", hint=hint)
        case several:
            raise JobNotFound(f"{name!r} may be any of {len(several)} jobs", hint=f"They are {_names(several)}")


async def newest(backend: Backend, name: str | None = None) -> Chosen:
    """The job of this name; without one, the job that was created last."""
    if name is not None:
        return await named(backend, name)
    known = await backend.jobs()
    if not known:
        raise JobNotFound(f"there are no jobs on {backend.where} yet", hint="Run a cell that begins with %framework=")
    return Chosen(summary=known[0], note=f"{known[0].job.name} (the newest job)")


async def only_running(backend: Backend, name: str | None = None) -> Chosen:
    """The job of this name; without one, the only job that runs."""
    if name is not None:
        return await named(backend, name)
    match [s for s in await backend.jobs() if not s.phase.ended]:
        case [summary]:
            return Chosen(summary=summary, note=f"{summary.job.name} (the only job that runs)")
        case []:
            raise JobNotFound(f"no job runs on {backend.where}", hint="'ciao jobs' lists those that ended")
        case several:
            raise JobNotFound(f"{len(several)} jobs run", hint=f"Name one of {_names(several)}")


def _names(summaries: Sequence[Summary]) -> str:
    shown = ", ".join(s.job.name for s in summaries[:5])
    return f"{shown} ..." if len(summaries) > 5 else shown
