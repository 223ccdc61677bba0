"""``ciao plan``: what a cell would create, creating nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ciao.commands.carried import Carried, carried
from ciao.errors import BackendUnavailable
from ciao.model import Cell, Job, JobSpec, Notice
from ciao.session import Session

__all__ = ["Plan", "plan"]

PLACE = "xxxxx"
"""Stands in a plan's name for the random suffix, which a job gets when it is created."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``yaml`` is what the backend would create; ``notices`` is what it would do otherwise than asked.

    ``carried`` is how the code would travel, and what goes along with it.
    """

    yaml: str
    notices: tuple[Notice, ...]
    carried: Carried


async def plan(cell: Cell, session: Session) -> Plan:
    """The pure half of a run, and what a cluster and a registry say to it if they can be asked.

    Raises CellError, CreateRefused, BundleError.
    """
    from ciao import interpreter

    spec = interpreter.read(cell, settings=session.settings)
    backend = session.backend(spec.backend)
    job = _unnamed(spec, backend=backend.name)
    try:
        notices = await backend.check(spec)
        found, bundle, more = await carried(spec, await backend.target(spec), session, backend)
        return Plan(yaml=await backend.plan(spec, job, bundle), notices=(*notices, *more), carried=found)
    except BackendUnavailable as error:
        if backend.name != "kubeflow":
            raise
        return await _unasked(spec, job, session, error)


async def _unasked(spec: JobSpec, job: Job, session: Session, error: BackendUnavailable) -> Plan:
    from ciao.backends.kubeflow.offline import planned, target

    words = f"the cluster was not asked: {error.message}. This is for one that serves every kind"
    known = target(spec, session.settings)
    found, bundle, notices = await carried(spec, known, session, session.backend(spec.backend))
    yaml = planned(spec, job, session.settings, bundle=bundle)
    return Plan(yaml=yaml, notices=(Notice(text=words, level="warning"), *notices), carried=found)


def _unnamed(spec: JobSpec, *, backend: str) -> Job:
    job = Job.named(spec, backend=backend, now=0.0)
    return replace(job, name=job.name[: -len(PLACE)] + PLACE)
