"""``ciao plan``: what a cell would create, creating nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ciao.model import Cell, Job, JobSpec, Notice
from ciao.session import Session

__all__ = ["Plan", "plan"]

PLACE = "xxxxx"
"""Stands in a plan's name for the random suffix, which a job gets when it is created."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``yaml`` is what the backend would create; ``notices`` is what it would do otherwise than asked."""

    yaml: str
    notices: tuple[Notice, ...]


async def plan(cell: Cell, session: Session) -> Plan:
    """The pure half of a run. Raises CellError, CreateRefused."""
    from ciao import interpreter

    spec = interpreter.read(cell, settings=session.settings)
    backend = session.backend(spec.backend)
    notices = await backend.check(spec)
    return Plan(yaml=await backend.plan(spec, _unnamed(spec, backend=backend.name)), notices=notices)


def _unnamed(spec: JobSpec, *, backend: str) -> Job:
    job = Job.named(spec, backend=backend, now=0.0)
    return replace(job, name=job.name[: -len(PLACE)] + PLACE)
