"""``ciao plan``: what a cell would create, creating nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ciao.errors import BackendUnavailable
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
    """The pure half of a run, and what a cluster says to it if it can be asked. Raises CellError, CreateRefused."""
    from ciao import interpreter

    spec = interpreter.read(cell, settings=session.settings)
    backend = session.backend(spec.backend)
    job = _unnamed(spec, backend=backend.name)
    try:
        notices = await backend.check(spec)
        bundle = await session.s2i(spec, backend).plan(spec, await backend.target(spec))
        return Plan(yaml=await backend.plan(spec, job, bundle), notices=notices)
    except BackendUnavailable as error:
        if backend.name != "kubeflow":
            raise
        return _unasked(spec, job, session, error)


def _unasked(spec: JobSpec, job: Job, session: Session, error: BackendUnavailable) -> Plan:
    from ciao.backends.kubeflow.offline import planned

    words = f"the cluster was not asked: {error.message}. This is for one that serves every kind"
    return Plan(yaml=planned(spec, job, session.settings), notices=(Notice(text=words, level="warning"),))


def _unnamed(spec: JobSpec, *, backend: str) -> Job:
    job = Job.named(spec, backend=backend, now=0.0)
    return replace(job, name=job.name[: -len(PLACE)] + PLACE)
