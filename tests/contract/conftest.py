"""Specs and jobs for the contract suites."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao import pipeline
from ciao.backends.base import Backend
from ciao.backends.local.backend import Local
from ciao.model import Cell, Job, JobSpec, Role, RoleSpec
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
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from _mounted(tmp_path / "small", "size=1m")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from _mounted(tmp_path / "fixed", "size=1m,ro")


def _mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own; needs root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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
        await backend.create(spec, job, await Directory(settings).build(spec, job))
        return job.name

    return create
