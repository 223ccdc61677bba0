"""A job in one of Kueue's queues: it waits, is admitted, evicted, admitted again. Kueue's steps are replayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import JobSpec, Phase, Resources, Role, RoleSpec
from ciao.settings import Settings
from cluster import kueue, readiness
from cluster.kubectl import Kubectl
from fakes.followed import Follow, followed
from fakes.told import Create, Spec

if TYPE_CHECKING:
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

FLAVOR = "insufficient unused quota for cpu in flavor default-flavor, 1 more needed"
QUOTA = f"couldn't assign flavors to pod set worker: {FLAVOR}"
PREEMPTED = "Preempted to accommodate a workload (UID: u) due to prioritization in the ClusterQueue"
KINDS = pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
LIVES = """
import os, time
print('one'); print('two'); print('up')
while not os.path.exists('/ciao/work/go'):
    time.sleep(0.05)
print('done')
"""


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    return replace(settings, images={"pytorch": image("python")})


@pytest.fixture(scope="module")
def installed(kubeconfig: Path) -> Iterator[None]:
    everywhere = Kubectl(kubeconfig=kubeconfig, namespace="default")
    kueue.install(everywhere, lambda _: None)
    yield
    kueue.uninstall(everywhere)


@pytest.fixture
def queue(installed: None, kubectl: Kubectl) -> None:
    kueue.open_queue(kubectl, "ours")


@pytest.fixture
async def follow(backend: Kubeflow) -> AsyncIterator[Follow]:
    async with followed(backend) as follow:
        yield follow


def queued(spec: JobSpec, kind: str) -> JobSpec:
    roles = (RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu="10m", memory="64Mi")),)
    return replace(spec, roles=roles, queue="ours", kind=kind)


@KINDS
@pytest.mark.usefixtures("queue")
async def test_a_job_waits_in_its_queue_runs_waits_again_when_it_is_evicted_and_ends(
    kind: str, job: Create, spec: Spec, follow: Follow, kubectl: Kubectl
) -> None:
    seen = follow(name := await job(queued(spec(LIVES), kind)))
    assert kubectl.names("pods") == []
    held = await asyncio.to_thread(kueue.take, kubectl, f"{kind.lower()}/{name}")
    await seen.until(lambda: seen.state("worker-0") == ("waiting", "it waits in the queue ours"))
    await asyncio.to_thread(held.wait, QUOTA)
    await seen.until(lambda: seen.state("worker-0") == ("waiting", f"it waits in the queue ours: {QUOTA}"))
    await asyncio.to_thread(held.admit)
    await seen.until(lambda: "up" in seen.ran.lines("worker-0"))
    await asyncio.to_thread(held.evict, "Preempted", PREEMPTED)
    await seen.until(lambda: seen.state("worker-0") == ("waiting", f"it waits in the queue ours: {PREEMPTED}"))
    gone = partial(readiness.until, lambda: not kubectl.names("pods"), what="The pods of the first life are gone")
    await asyncio.to_thread(gone)  # sooner, the operator would count their end as the job's failure
    await asyncio.to_thread(held.admit)
    await seen.until(lambda: seen.ran.lines("worker-0").count("up") == 2)
    pod = kubectl("get", "pods", "--field-selector=status.phase=Running", "-o=name").strip()
    kubectl.run("exec", pod, "--", "touch", "/ciao/work/go")  # the pod may end before it
    ran = await seen.end()
    assert ran.lines("worker-0") == [*(["one", "two", "up"] * 2), "done"]
    assert (ran.outcome.phase, seen.notices) == (Phase.SUCCEEDED, [])
    await asyncio.to_thread(held.finish)


@KINDS
@pytest.mark.usefixtures("queue")
async def test_a_job_that_is_cancelled_while_it_waits_leaves_nothing(
    kind: str, job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl
) -> None:
    name = await job(queued(spec("pass"), kind))
    await asyncio.to_thread(kueue.take, kubectl, f"{kind.lower()}/{name}")
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    left = kubectl("get", "pods,configmaps,pytorchjobs,trainjobs", f"--selector=ciao/job={name}", "-o=name")
    assert left == ""
