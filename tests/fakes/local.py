"""Fixtures for tests that run real jobs on the local backend without a kernel."""

from __future__ import annotations

import time
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao import pipeline
from ciao.backends.base import Backend
from ciao.backends.local.backend import Local
from ciao.model import Cell, Job, JobSpec, Role, RoleSpec, Target
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from fakes.told import Create, Ran, Run, Spec


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


@pytest.fixture
def run(settings: Settings, backend: Backend) -> Run:
    async def run(spec: JobSpec) -> Ran:
        async with aclosing(pipeline.run(spec, s2i=Directory(settings), backend=backend)) as events:
            return Ran([event async for event in events])

    return run


@pytest.fixture
def job(settings: Settings, backend: Backend) -> Create:
    """Create a job and return its name at once."""

    async def create(spec: JobSpec) -> str:
        job = Job.named(spec, backend=backend.name, now=time.time())
        await backend.create(spec, job, await Directory(settings).build(spec, job, Target(), print))
        return job.name

    return create
