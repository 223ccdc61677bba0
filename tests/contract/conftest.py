"""Specs and jobs for the contract suites."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao import pipeline
from ciao.backends.base import Backend
from ciao.backends.local.backend import Local
from ciao.model import Cell, Event, Finished, Job, JobSpec, Lines, Outcome, Replica, Role, RoleSpec
from ciao.s2i.directory import Directory
from ciao.settings import Settings

Spec = Callable[..., JobSpec]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", grace=1.0)


@pytest.fixture
def backend(settings: Settings) -> Backend:
    return Local(settings)


@pytest.fixture
def spec() -> Spec:
    def make(code: str, *, workers: int = 2, **options: object) -> JobSpec:
        cell = Cell(text=code, number=7)
        roles = (RoleSpec(role=Role.WORKER, count=workers),)
        fields = {"cell": cell, "code": code, "framework": "pytorch", "roles": roles, **options}
        return JobSpec(**fields)  # type: ignore[arg-type]  # a test may set any field

    return make


class Ran:
    """Everything that a run told, sorted by kind."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    @property
    def outcome(self) -> Outcome:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last.outcome

    def lines(self, replica: str) -> list[str]:
        batches = [e.lines for e in self.events if isinstance(e, Lines)]
        return [line.text for batch in batches for line in batch if line.replica == replica]


@pytest.fixture
def run(settings: Settings, backend: Backend) -> Callable[[JobSpec], object]:
    async def run(spec: JobSpec) -> Ran:
        async with aclosing(pipeline.run(spec, s2i=Directory(settings), backend=backend)) as events:
            return Ran([event async for event in events])

    return run


@pytest.fixture
def job(settings: Settings, backend: Backend) -> Callable[[JobSpec], object]:
    """Create a job and return its name at once."""

    async def create(spec: JobSpec) -> str:
        job = Job.named(spec, backend=backend.name, now=time.time())
        await backend.create(spec, job, await Directory(settings).build(spec, job))
        return job.name

    return create


__all__ = ["Ran", "Replica", "Spec"]
