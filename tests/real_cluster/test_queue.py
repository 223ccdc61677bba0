"""A job in a queue, as Kueue holds it back, lets it go, takes it back and lets it go again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster import kueue, readiness
from cluster.errors import ClusterError
from cluster.kubectl import Kubectl
from real_cluster.manifests import Images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NODE = {"kubernetes.io/hostname": "node-0"}
NO_QUOTA = "insufficient unused quota for cpu in flavor default-flavor, 1 more needed"
PREEMPTED = "Preempted to accommodate a workload (UID: 1, JobUID: 2) due to prioritization in the ClusterQueue"
UNTIL_TOLD = "trap 'exit 143' TERM; echo began; until [ -e /tmp/go ]; do sleep 0.1; done; echo ended"


@pytest.fixture(scope="module")
def installed(kubeconfig: Path) -> Iterator[None]:
    kubectl = Kubectl(kubeconfig=kubeconfig, namespace="default")
    kueue.install(kubectl)
    yield
    kueue.uninstall(kubectl)


@pytest.fixture
def queue(kubectl: Kubectl, installed: None) -> str:
    kueue.open_queue(kubectl, "ours")
    return "ours"


def pytorchjob(image: str, **labels: str) -> dict[str, Any]:
    resources = {"requests": {"cpu": "10m"}}
    container = {"name": "pytorch", "image": image, "command": ["sh", "-c", UNTIL_TOLD], "resources": resources}
    role = {"replicas": 1, "restartPolicy": "Never", "template": {"spec": {"containers": [container]}}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "job", "labels": labels},
        "spec": {
            "runPolicy": {"suspend": True, "cleanPodPolicy": "None"},
            "pytorchReplicaSpecs": {"Worker": role},
        },
    }


def trainjob(image: str, **labels: str) -> dict[str, Any]:
    trainer = {"numNodes": 2, "image": image, "command": ["sh", "-c", UNTIL_TOLD]}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "job", "labels": labels},
        "spec": {"suspend": True, "runtimeRef": {"name": "torch-distributed"}, "trainer": trainer},
    }


def conditions(kubectl: Kubectl, what: str) -> dict[str, tuple[str, str]]:
    found = json.loads(kubectl("get", what, "-o=json"))["status"]["conditions"]
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def told(kubectl: Kubectl, kind: str) -> list[str]:
    """What Kueue's controllers said about objects of a kind, in order."""
    found = json.loads(kubectl("get", "events.v1.events.k8s.io", "-o=json"))["items"]
    ours = [one for one in found if one["regarding"]["kind"] == kind and "kueue" in one["reportingController"]]
    return [one["reason"] for one in sorted(ours, key=lambda one: one["eventTime"])]


def pods(kubectl: Kubectl, count: int) -> list[str]:
    """Wait until so many run; their names."""
    running = ("get", "pods", "--field-selector=status.phase=Running", "-o=jsonpath={.items[*].metadata.name}")
    readiness.until(lambda: len(kubectl(*running).split()) == count, what=f"{count} pods run")
    return kubectl(*running).split()


def let_end(kubectl: Kubectl, names: list[str]) -> None:
    """How the command in a pod ends is not looked at: the pod may end before it, and kill it."""
    for name in names:
        kubectl.run("exec", name, "--", "touch", "/tmp/go")


def test_a_pytorchjob_is_held_back_let_go_evicted_and_let_go_again(kubectl: Kubectl, image: Images, queue: str) -> None:
    kubectl.create(pytorchjob(image("tiny"), **{"kueue.x-k8s.io/queue-name": queue}))
    queued = kueue.take(kubectl, "pytorchjob/job")
    workload = f"workload/{queued.workload}"
    queued.wait(NO_QUOTA)
    kubectl.condition("pytorchjob/job", "Suspended")
    assert conditions(kubectl, workload) == {"QuotaReserved": ("False", "Pending")}
    assert not kubectl.names("pods")

    queued.admit(NODE)
    pods(kubectl, 1)
    queued.pods_ready()
    labels = json.loads(kubectl("get", "pod/job-worker-0", "-o=jsonpath={.metadata.labels}"))
    assert labels["kueue.x-k8s.io/podset"] == "worker"
    assert kubectl("get", "pod/job-worker-0", "-o=jsonpath={.spec.nodeSelector}") == json.dumps(
        NODE, separators=(",", ":")
    )

    queued.evict("Preempted", PREEMPTED)
    readiness.until(lambda: not kubectl.names("pods"), what="The pods are gone")
    kubectl.condition("pytorchjob/job", "Suspended")
    assert conditions(kubectl, workload) == {
        "QuotaReserved": ("False", "Pending"),
        "Admitted": ("False", "NoReservation"),
        "PodsReady": ("False", "WaitForStart"),
        "Evicted": ("True", "Preempted"),
        "Requeued": ("True", "Preempted"),
    }
    spec = "-o=jsonpath={.spec.pytorchReplicaSpecs.Worker.template}"
    assert "nodeSelector" not in kubectl("get", "pytorchjob/job", spec)

    queued.admit()
    let_end(kubectl, pods(kubectl, 1))
    queued.finish()
    assert kubectl("logs", "job-worker-0") == "began\nended\n"
    assert conditions(kubectl, workload)["Evicted"] == ("False", "QuotaReserved")
    assert conditions(kubectl, workload)["Finished"] == ("True", "Succeeded")
    assert told(kubectl, "PyTorchJob") == ["CreatedWorkload", "Started", "Stopped", "Started", "FinishedWorkload"]
    admitted = ["QuotaReserved", "Admitted"]
    assert told(kubectl, "Workload") == ["Pending", *admitted, "EvictedDueToPreempted", *admitted]


def test_a_trainjob_is_held_back_let_go_evicted_and_let_go_again(kubectl: Kubectl, image: Images, queue: str) -> None:
    kubectl.create(trainjob(image("tiny"), **{"kueue.x-k8s.io/queue-name": queue}))
    queued = kueue.take(kubectl, "trainjob/job")
    workload = f"workload/{queued.workload}"
    queued.wait(NO_QUOTA)
    kubectl.condition("trainjob/job", "Suspended")
    assert not kubectl.names("pods")

    queued.admit(NODE)
    first = pods(kubectl, 2)
    queued.pods_ready()
    assert "kubernetes.io/hostname" in kubectl("get", f"pod/{first[0]}", "-o=jsonpath={.spec.nodeSelector}")

    queued.evict("Preempted", PREEMPTED)
    readiness.until(lambda: not kubectl.names("pods"), what="The pods are gone")
    assert conditions(kubectl, workload)["Evicted"] == ("True", "Preempted")
    patches = json.loads(kubectl("get", "trainjob/job", "-o=jsonpath={.spec.runtimePatches}"))
    assert [one["manager"] for one in patches] == ["kueue.x-k8s.io/manager"]

    queued.admit()
    second = pods(kubectl, 2)
    assert not set(first) & set(second)
    let_end(kubectl, second)
    queued.finish()
    assert {kubectl("logs", name) for name in second} == {"began\nended\n"}
    assert conditions(kubectl, "trainjob/job")["Complete"] == ("True", "AllJobsCompleted")
    assert conditions(kubectl, workload)["Finished"] == ("True", "Succeeded")
    assert told(kubectl, "TrainJob") == ["CreatedWorkload", "Started", "Stopped", "Started", "FinishedWorkload"]


def test_a_job_without_a_queue_is_left_alone(kubectl: Kubectl, image: Images, queue: str) -> None:
    kubectl.create(pytorchjob(image("tiny")))
    with pytest.raises(ClusterError, match="has no label kueue"):
        kueue.take(kubectl, "pytorchjob/job")
    assert not kubectl.names("workloads")
