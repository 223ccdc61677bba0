"""What nodes do to a job: pods that are evicted, preempted or lost, logs that are rotated. On a second node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import JobSpec, Phase, Resources, Role, RoleSpec
from ciao.settings import Settings
from cluster import control_plane, readiness, second_node
from fakes.followed import Follow, followed
from fakes.told import Create, Run, Spec

if TYPE_CHECKING:
    from cluster.components import Component
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

UP = "print('up', flush=True)\nimport time; time.sleep(600)"
NODE = second_node.NAME


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    """The image is a small one: a node whose disk is full removes it, and pulls it again."""
    return replace(settings, images={"pytorch": image("python")})


@pytest.fixture
def second(cluster: Cluster, kubectl: Kubectl) -> Cluster:
    """It is added when first asked for, and comes back if a test has lost it."""
    second_node.add(cluster)
    readiness.until(lambda: "unreachable" not in kubectl("get", "node", NODE, "-o=json"), what="The node is taken back")
    return cluster


@pytest.fixture
async def follow(backend: Kubeflow) -> AsyncIterator[Follow]:
    async with followed(backend) as follow:
        yield follow


def there(spec: JobSpec) -> JobSpec:
    """On the second node."""
    return replace(spec, patch={"spec": second_node.placed({})})


@pytest.fixture
def lost_after_seconds(second: Cluster) -> Iterator[None]:
    """A node that says nothing counts as lost after 6 s, not 50."""

    def restart(component: Component) -> None:
        second.kill(component.name)
        second.add(component, lambda _: None)

    restart(control_plane.controller_manager(second.layout, lost_after=6))
    yield
    restart(control_plane.controller_manager(second.layout))
    second_node.add(second)


@pytest.mark.usefixtures("lost_after_seconds")
async def test_a_lost_node_is_told(second: Cluster, job: Create, spec: Spec, follow: Follow) -> None:
    kinds = ("PyTorchJob", "TrainJob")
    jobs = [follow(await job(there(spec(UP, workers=1, kind=kind)))) for kind in kinds]
    for one in jobs:
        await one.until(lambda one=one: one.ran.lines("worker-0") == ["up"])  # type: ignore[misc]  # bound now
    await asyncio.to_thread(second_node.lose, second)
    for one in jobs:
        ran = await one.end()
        assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "NodeLost")
        assert ran.failure.evalue == f"its node {NODE} stopped answering, or was drained"
        assert f"worker-0 is not heard of: its node {NODE} does not answer the cluster" in one.notices


async def test_a_pod_of_higher_priority_takes_the_place(
    second: Cluster, spec: Spec, follow: Follow, job: Create, kubectl: Kubectl, image: Images
) -> None:
    free = json.loads(kubectl("get", "node", NODE, "-o=json"))["status"]["allocatable"]["cpu"]
    half = {"requests": {"cpu": f"{int(free) * 600}m"}}
    kubectl("create", "priorityclass", name := f"high-{kubectl.namespace[-4:]}", "--value=1000")
    roles = (RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu=half["requests"]["cpu"])),)
    seen = follow(await job(there(spec(UP, roles=roles))))
    await seen.running("worker-0")
    pod = second_node.placed({"containers": [{"name": "c", "image": image("tiny"), "resources": half}]})
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other"}}
    kubectl.create({**about, "spec": {**pod, "priorityClassName": name}})
    ran = await seen.end()
    assert (ran.failure.ename, ran.failure.evalue) == (
        "Preempted",
        f"a pod of higher priority took its place on its node {NODE}",
    )
    kubectl("delete", "priorityclass", name)


LONG = """
import time
for i in range(1500):
    print(f'{i:0200}')
    time.sleep(0.005 if i < 1000 else 0 if i != 1450 else 4.5)
"""
"""A hundred kilobytes come at once and are surely rotated in the pause, so that the last lines are in a log of
their own: a node that rotates in a container's last moment keeps nothing that it could tell.
"""


async def test_a_rotated_log_is_whole_for_who_follows_and_its_gap_is_told_to_who_comes_late(
    second: Cluster, job: Create, spec: Spec, follow: Follow, settings: Settings, tmp_path: Path
) -> None:
    seen = follow(name := await job(there(spec(LONG, workers=1))))
    ran = await seen.end()
    assert [int(text) for text in ran.lines("worker-0")] == list(range(1500))
    assert seen.notices == []
    elsewhere = Kubeflow(replace(settings, home=tmp_path / "elsewhere"))
    late = follow(name, elsewhere)
    came = [int(text) for text in (await late.end()).lines("worker-0")]
    await elsewhere.close()
    assert came == list(range(came[0], 1500))
    assert came[0] > 0
    (notice,) = late.notices
    assert notice.startswith("the first lines of worker-0 are missing, before ")
    assert notice.endswith(": its node keeps only the newest part of a long log")


async def test_a_full_disk_of_a_node_is_told(second: Cluster, run: Run, spec: Spec) -> None:
    code = "open('/ciao/work/file', 'wb').write(bytes(240_000_000))\n" + UP
    ran = await run(there(spec(code, workers=1)))
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "Evicted")
    assert ran.failure.evalue.startswith("The node was low on resource: ephemeral-storage. Threshold quantity: 32Mi")
    assert ran.failure.evalue.endswith(f" (node {NODE})")
    assert ran.outcome.hint == "Ask for what it needs: what is not asked for is evicted first"
