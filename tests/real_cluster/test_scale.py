"""Hundreds of fake replicas: they run, log and end, and nothing of them is left."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cluster import builds, kwok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ALL = "training.kubeflow.org/job-name=job"
WORKERS, MASTER = (f"{ALL},training.kubeflow.org/replica-type={role}" for role in ("worker", "master"))


@pytest.fixture
def fakes(cluster: Cluster, kubectl: Kubectl) -> Iterator[None]:
    """Ten fake nodes."""
    kwok.start(cluster)
    kwok.nodes(kubectl, 10)
    yield
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


def wait(kubectl: Kubectl, what: str) -> None:
    """One program that watches: hundreds of pods are too many to list again and again."""
    kubectl("wait", "pytorchjob/job", f"--for={what}", "--timeout=120s")


def create_and_wait(kubectl: Kubectl, workers: int) -> None:
    kubectl.create(job(workers))
    wait(kubectl, f"jsonpath={{.status.replicaStatuses.Worker.active}}={workers}")
    wait(kubectl, "jsonpath={.status.replicaStatuses.Master.active}=1")


def followed(kubectl: Kubectl, last: str, count: int) -> list[str]:
    """Follow every replica's log until each of so many has shown this last line; all the lines."""
    program = [builds.program("kubectl"), f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={kubectl.namespace}"]
    arguments = ["logs", "--follow", "--prefix", f"--selector={ALL}", "--max-log-requests=300", "--tail=-1"]
    with subprocess.Popen([*program, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines: list[str] = []
        try:
            while sum(line.endswith(last) for line in lines) < count:
                line = process.stdout.readline()
                assert line, f"The stream ended after {len(lines)} lines, the last {lines[-1:]}"
                lines.append(line.rstrip("\n"))
        finally:
            process.terminate()
    return lines


def test_two_hundred_replicas_run_log_and_succeed(cluster: Cluster, kubectl: Kubectl, fakes: None) -> None:
    create_and_wait(kubectl, workers=199)
    kwok.write(cluster, "step 1", "step 2")
    lines = followed(kubectl, "step 2", 200)
    assert "[pod/job-worker-198/pytorch] step 1" in lines
    assert len(set(lines)) == len(lines) == 400
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
    kwok.start(cluster)
    kwok.nodes(kubectl, 2)
    pod = {"containers": [{"name": "main", "image": "nowhere.invalid/never-pulled"}], **kwok.PLACEMENT}
    kubectl.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod})
    kubectl.until("pod/one", "{.status.phase}", "Running")
    kwok.remove(cluster, kubectl)
    assert kubectl.names("nodes") == ["node-0"]
    assert kubectl("get", "leases", "--namespace=kube-node-lease", "-o=name") == "lease.coordination.k8s.io/node-0\n"
    assert not kubectl.names("pods")
    assert not cluster.ended()
