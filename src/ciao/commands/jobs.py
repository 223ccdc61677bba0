"""``ciao jobs``: what runs, and what ended."""

from __future__ import annotations

from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.backends.joined import listed
from ciao.errors import CiaoError
from ciao.model import Summary

__all__ = ["SHOWN", "Jobs", "jobs"]

SHOWN = 10
"""How many ended jobs are listed unless all are asked for."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Newest first. ``older`` counts those that were left out; ``where`` is the backend's place.

    ``missing`` are the errors of backends that could not be asked.
    """

    summaries: tuple[Summary, ...]
    older: int
    where: str
    missing: tuple[CiaoError, ...] = ()


async def jobs(backend: Backend, *, every: bool = False) -> Jobs:
    """Every job that runs, and the last that ended."""
    listing = await listed(backend)
    known = tuple(listing.summaries)
    ended = [s for s in known if s.phase.ended]
    left_out = frozenset() if every else frozenset(s.job.name for s in ended[SHOWN:])
    shown = tuple(s for s in known if s.job.name not in left_out)
    return Jobs(summaries=shown, older=len(left_out), where=backend.where, missing=listing.missing)
