"""Hundreds of fake replicas: they run, log and end, and nothing of them is left."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from cluster import kwok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ALL = "training.kubeflow.org/job-name=job"
WORKERS, MASTER = (f"{ALL},training.kubeflow.org/replica-type={role}" for role in ("worker", "master"))


@pytest.fixture
def fakes(cluster: Cluster, kubectl: Kubectl) -> Iterator[None]:
    """Ten fake nodes."""
    kwok.start(cluster)
    try:
        kwok.nodes(kubectl, 10)
        yield
    finally:
        kwok.remove(cluster, kubectl)


def job(workers: int) -> dict[str, Any]:
    container = {"name": "pytorch", "image": "nowhere.invalid/never-pulled"}
    template = {"spec": {"containers": [container], **kwok.PLACEMENT}}
    role = {"restartPolicy": "Never", "template": template}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "job"},
        "spec": {
            "runPolicy": {"cleanPodPolicy": "None"},
            "pytorchReplicaSpecs": {"Master": {"replicas": 1, **role}, "Worker": {"replicas": workers, **role}},
        },
    }


def present(kubectl: Kubectl) -> list[list[str]]:
    leases = kubectl("get", "leases", "--namespace=kube-node-lease", "-o=name")
    return [kubectl.names("nodes"), leases.split()]


def wait(kubectl: Kubectl, what: str) -> None:
    """One program that watches: hundreds of pods are too many to list again and again."""
    kubectl("wait", "pytorchjob/job", f"--for={what}", "--timeout=300s")


def create_and_wait(kubectl: Kubectl, workers: int) -> None:
    kubectl.create(job(workers))
    wait(kubectl, f"jsonpath={{.status.replicaStatuses.Worker.active}}={workers}")
    wait(kubectl, "jsonpath={.status.replicaStatuses.Master.active}=1")


async def follow(cluster: Cluster, kubectl: Kubectl, names: list[str], *, then: Callable[[], None]) -> list[list[str]]:
    """Follow all these logs at once. When each has shown a line, do something; then the lines up to "last" of each.

    Not with kubectl: it makes five requests a second.
    """
    trust = ssl.create_default_context(cafile=cluster.layout.pki / "ca.crt")
    trust.load_cert_chain(cluster.layout.pki / "admin.crt", cluster.layout.pki / "admin.key")
    all_began = asyncio.Barrier(len(names) + 1)

    async def one(name: str) -> list[str]:
        path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}/log?container=pytorch&follow=true"
        lines = []
        async with session.get(path) as answer:
            async for line in answer.content:
                lines.append(line.decode())
                if len(lines) == 1:
                    await all_began.wait()
                if lines[-1] == "last\n":
                    return lines
        raise AssertionError(f"The log of {name} ended with {lines[-1:]}")

    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(cluster.layout.api, connector=connector) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in names]
        await all_began.wait()
        then()
    return [task.result() for task in tasks]


async def test_two_hundred_replicas_run_log_and_succeed(cluster: Cluster, kubectl: Kubectl, fakes: None) -> None:
    create_and_wait(kubectl, workers=199)
    kwok.write(cluster, "first")
    names = kubectl.names("pods")
    seen = await follow(cluster, kubectl, names, then=lambda: kwok.write(cluster, "second", "last"))
    assert seen == [["first\n", "second\n", "last\n"]] * 200
    kwok.finish(kubectl, WORKERS)
    kwok.finish(kubectl, MASTER)
    wait(kubectl, "condition=Succeeded")
    wait(kubectl, "jsonpath={.status.replicaStatuses.Worker.succeeded}=199")


def test_one_replica_that_ends_badly_fails_the_job(kubectl: Kubectl, fakes: None) -> None:
    create_and_wait(kubectl, workers=2)
    kwok.finish(kubectl, f"{WORKERS},training.kubeflow.org/replica-index=1", 3, message="out of luck")
    wait(kubectl, "condition=Failed")
    ended = "{.status.containerStatuses[0].state.terminated"
    path = f"-o=jsonpath={{.status.phase}} {ended}.exitCode}} {ended}.message}}"
    assert kubectl("get", "pod/job-worker-1", path) == "Failed 3 out of luck"


def test_nothing_is_left_of_fake_nodes(cluster: Cluster, kubectl: Kubectl) -> None:
    before, ended = present(kubectl), cluster.ended()
    kwok.start(cluster)
    kwok.nodes(kubectl, 2)
    pod = {"containers": [{"name": "main", "image": "nowhere.invalid/never-pulled"}], **kwok.PLACEMENT}
    kubectl.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod})
    kubectl.until("pod/one", "{.status.phase}", "Running")
    kwok.remove(cluster, kubectl)
    assert present(kubectl) == before
    assert not kubectl.names("pods")
    assert cluster.ended() == ended
