"""The Kubeflow backend on a real cluster, in a namespace of each test's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from ciao import pipeline
from ciao.backends.kubeflow import ending
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Job, JobSpec, Target
from ciao.s2i.configmap import ConfigMap
from ciao.settings import Settings
from fakes.local import spec
from fakes.rooms import room, room_images, room_kernel
from fakes.told import Create, Ran, Run

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images

pytest.register_assert_rewrite("contract.backend")

__all__ = ["room", "room_images", "room_kernel", "spec"]


@pytest.fixture
def settings(tmp_path: Path, kubeconfig: Path, kubectl: Kubectl, image: Images) -> Settings:
    images = MappingProxyType({"pytorch": image("pytorch")})
    return Settings(
        home=tmp_path / "home", grace=1.0, kubeconfig=kubeconfig, namespace=kubectl.namespace, images=images
    )


@pytest.fixture
async def backend(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kubeflow]:
    """It waits for the last pod of a cancelled job, however slow the node is."""
    monkeypatch.setattr(ending, "LATE", 60.0)
    backend = Kubeflow(settings)
    yield backend
    await backend.close()


@pytest.fixture
def run(backend: Kubeflow) -> Run:
    async def run(spec: JobSpec) -> Ran:
        async with aclosing(pipeline.run(spec, s2i=ConfigMap(), backend=backend)) as events:
            return Ran([event async for event in events])

    return run


@pytest.fixture
def job(backend: Kubeflow) -> Create:
    """Create a job and return its name at once."""

    async def create(spec: JobSpec) -> str:
        job = Job.named(spec, backend=backend.name, now=time.time())
        await backend.create(spec, job, await ConfigMap().build(spec, job, Target(), print))
        return job.name

    return create


@pytest.fixture
def left(kubectl: Kubectl) -> object:
    """What of a job is left in the namespace."""

    def left(name: str) -> list[str]:
        kinds = "pods,configmaps,pytorchjobs,trainjobs"
        return kubectl("get", kinds, f"--selector=ciao/job={name}", "-o=name").split()

    return left
