"""A cluster that builds: it takes what is created, runs a pod through its states, and tells the digest at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.k8s.backoff import Pace
from ciao.k8s.base import Manifest
from ciao.model import JobSpec, Notice, Packing, Pinned, Role, Target
from ciao.s2i.incluster.strategy import InCluster
from ciao.settings import Settings
from fakes import images
from fakes.apiserver import Answer, ApiServer, Asked, answer, connected, text
from fakes.asked import job, spec
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"
NAME = "pytorch-x2v9q-build"
JOBS = "/apis/batch/v1/namespaces/team/jobs"
CORE = "/api/v1/namespaces/team"
LOG = f"GET {CORE}/pods/{NAME}-abcde/log"


def pod(**state: Any) -> Answer:
    status = {"phase": "Running", "containerStatuses": [{"name": "build", "state": state}]}
    spec = {"containers": [{"name": "build", "image": "builders.example/buildkit:1"}]}
    return answer({"items": [{"metadata": {"name": f"{NAME}-abcde"}, "spec": spec, "status": status}]})


def ended(code: int = 0, **more: Any) -> Answer:
    return pod(terminated={"exitCode": code, **more})


class Cluster:
    """``server`` with its script; ``built`` is the image that the builder pushed."""

    def __init__(self, server: ApiServer, registry: FakeRegistry, built: str, settings: Settings) -> None:
        self.server = server
        self.registry = registry
        self.built = built
        self.settings = settings
        self.told: list[Packing | Notice] = []
        self.slept: Callable[[float], Any] = _at_once

    def pods(self, *answers: Answer) -> None:
        self.server.on(f"GET {CORE}/pods", *answers)

    def created(self, plural: str) -> Manifest:
        (found,) = [a.body for a in self.server.asked if a.method == "POST" and a.path.endswith(f"/{plural}")]
        return dict(found)

    @property
    def deleted(self) -> list[str]:
        return [asked.path.rpartition("v1/")[2] for asked in self.server.asked if asked.method == "DELETE"]

    async def build(self, of: JobSpec | None = None, *, name: str = "cluster-buildkit", **target: Any) -> Pinned:
        of = of or spec()
        given: dict[str, Any] = {"images": {Role.WORKER: BASE}, "platforms": ("linux/amd64",), "namespace": "team"}
        async with connected(self.server) as api:
            strategy = InCluster(
                name, self.settings, lambda _: api, self.registry, environ={}, pace=Pace(sleep=self.slept)
            )
            return await strategy.build(of, job(of), Target(**{**given, **target}), self.told.append)


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def _created(asked: Asked) -> Answer:
    metadata = {**asked.body["metadata"], "uid": "of-the-job"}
    return answer({**asked.body, "metadata": metadata}, code=201)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    registry = FakeRegistry()
    await images.put(registry, at(BASE))
    built = await images.put(registry, replace(at("registry.example/team/ciao"), tag="built"))
    settings = Settings(home=tmp_path, s2i_registry="registry.example/team")
    script: dict[str, Any] = {
        f"GET {CORE}/pods": [pod(waiting={}), pod(running={}), ended(message=f"{built.digest}\n")],
        LOG: text("#1 [internal] load\n#7 [2/2] COPY code\n"),
        **{f"POST {path}": _created for path in (JOBS, f"{CORE}/configmaps", f"{CORE}/secrets")},
        **{f"DELETE {path}/{NAME}": answer({}) for path in (JOBS, f"{CORE}/configmaps", f"{CORE}/secrets")},
    }
    async with ApiServer(script) as server:
        yield Cluster(server, registry, built.digest, settings)


class Pods:
    """States of the builder's pod, by name."""

    LOG = LOG
    pod = staticmethod(pod)
    ended = staticmethod(ended)
    created = staticmethod(_created)


@pytest.fixture
def pods() -> type[Pods]:
    return Pods
