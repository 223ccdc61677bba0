"""A second node: image volumes, jobs over two machines, evictions, rotated logs, and its loss."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cluster import builds, control_plane, images, outside, readiness, second_node
from cluster.images import Image
from cluster.kubectl import Kubectl
from cluster.layers import Layer
from cluster.recipes import Texts
from cluster.second_node import NAME, Settings, placed
from real_cluster.leftovers import HERE, present
from real_cluster.leftovers import NAME as NAMED
from real_cluster.manifests import Images

if TYPE_CHECKING:
    from cluster.components import Component
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NOTE = Image(name="note", layer=Layer(name="note", recipe=Texts(files=(("/note", "from an image\n"),))))
MASTER = "echo from the master | nc -l -p $MASTER_PORT"
WORKER = "until nc $MASTER_ADDR $MASTER_PORT; do sleep 0.1; done"
COUNT = """
until [ -e /tmp/go ]; do sleep 0.05; done
i=0
while [ $i -lt 1700 ]; do i=$((i+1)); echo $i; done
until [ -e /tmp/stop ]; do sleep 0.05; done
while [ $i -lt 1800 ]; do i=$((i+1)); echo $i; done
"""
"""More than a log takes, and nothing while it is rotated: what is written in that moment, who follows may miss."""


@pytest.fixture
def second(cluster: Cluster) -> Cluster:
    """It is added when first asked for, and comes back if a test has lost it."""
    second_node.add(cluster)
    return cluster


def pod(image: str, *command: str, volume: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": image, "command": list(command), **container}
    spec = {"containers": [main], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    if volume:
        main["volumeMounts"] = [{"name": "one", "mountPath": "/one"}]
        spec["volumes"] = [{"name": "one", **volume}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": placed(spec)}


def field(kubectl: Kubectl, path: str) -> str:
    return kubectl.run("get", "pod", "one", f"--output=jsonpath={path}").stdout


def wait_until_it_takes_pods(kubectl: Kubectl, image: str) -> None:
    """For the next test. The node's conditions do not tell: they come seconds after what the kubelet acts by."""
    probe = {**pod(image, "true"), "metadata": {"name": "probe"}}

    def phase() -> str:
        return kubectl("get", "pod/probe", "--output=jsonpath={.status.phase}")

    def taken() -> bool:
        kubectl("delete", "pod/probe", "--ignore-not-found", "--now")
        kubectl.create(probe)
        readiness.until(lambda: phase() in {"Succeeded", "Failed"}, what="The probe ends")
        return phase() == "Succeeded"

    readiness.until(taken, what="The second node takes pods again")


def test_a_pod_reads_a_file_of_an_image_volume(second: Cluster, kubectl: Kubectl, image: Images) -> None:
    volume = {"image": {"reference": second.image(NOTE)}}
    kubectl.create(pod(image("tiny"), "cat", "/one/note", volume=volume))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded")
    assert kubectl("logs", "one") == "from an image\n"


def test_a_job_runs_over_both_nodes(second: Cluster, kubectl: Kubectl, image: Images) -> None:
    def replica(script: str) -> dict[str, Any]:
        return {"containers": [{"name": "pytorch", "image": image("tiny"), "command": ["sh", "-c", script]}]}

    specs = {
        "Master": {"replicas": 1, "restartPolicy": "Never", "template": {"spec": replica(MASTER)}},
        "Worker": {"replicas": 1, "restartPolicy": "Never", "template": {"spec": placed(replica(WORKER))}},
    }
    job = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "job"}}
    kubectl.create({**job, "spec": {"runPolicy": {"cleanPodPolicy": "None"}, "pytorchReplicaSpecs": specs}})
    kubectl.until("pod/job-worker-0", "{.status.phase}", "Succeeded")
    assert kubectl("logs", "job-worker-0") == "from the master\n"
    nodes = "{.items[*].spec.nodeName}"
    assert kubectl("get", "pods", f"--output=jsonpath={nodes}").split() == ["node-0", NAME]


def test_a_pod_over_its_ephemeral_storage_is_evicted(second: Cluster, kubectl: Kubectl, image: Images) -> None:
    fill = "head -c 3000000 /dev/zero >/one/file; sleep 600"
    limits = {"limits": {"ephemeral-storage": "1Mi"}}
    kubectl.create(pod(image("tiny"), "sh", "-c", fill, volume={"emptyDir": {}}, resources=limits))
    kubectl.until("pod/one", "{.status.reason}", "Evicted")
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "
    assert field(kubectl, "{.status.message}") == message


def test_a_pod_is_evicted_from_a_node_whose_disk_is_full(second: Cluster, kubectl: Kubectl, image: Images) -> None:
    fill = "head -c 240000000 /dev/zero >/one/file; sleep 600"
    kubectl.create(pod(image("tiny"), "sh", "-c", fill, volume={"emptyDir": {}}))
    kubectl.until("pod/one", "{.status.reason}", "Evicted")
    assert field(kubectl, "{.status.message}").startswith("The node was low on resource: ephemeral-storage.")
    wait_until_it_takes_pods(kubectl, image("tiny"))


def test_a_rotated_log_is_whole_for_who_follows_and_short_for_who_comes_late(
    second: Cluster, kubectl: Kubectl, image: Images
) -> None:
    kubectl.create(pod(image("tiny"), "sh", "-c", f"echo 0; {COUNT}"))
    kubectl.until("pod/one", "{.status.phase}", "Running")
    command = [builds.program("kubectl"), f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={kubectl.namespace}"]
    with subprocess.Popen([*command, "logs", "one", "--follow"], stdout=subprocess.PIPE, text=True) as follow:
        try:
            assert follow.stdout
            assert follow.stdout.readline() == "0\n"
            kubectl("exec", "one", "--", "touch", "/tmp/go")
            readiness.until(lambda: not kubectl("logs", "one").startswith("0\n"), what="The log is rotated")
            kubectl.run("exec", "one", "--", "touch", "/tmp/stop")  # the pod may end before it does
            followed = [int(line) for line in follow.communicate(timeout=60)[0].split()]
        finally:
            follow.kill()
    late = [int(line) for line in kubectl("logs", "one").split()]
    assert followed == list(range(1, 1801))
    assert late == followed[-len(late) :]
    assert len(late) < len(followed)


@contextlib.contextmanager
def settings(cluster: Cluster, settings: Settings) -> Iterator[None]:
    second_node.change(cluster, settings)
    try:
        yield
    finally:
        second_node.change(cluster, Settings())


def test_thresholds_can_be_changed_and_a_pod_is_evicted_for_them(
    second: Cluster, kubectl: Kubectl, image: Images
) -> None:
    counted = {"requests": {"memory": "1Mi"}}  # without, the kubelet's restart may refuse it instead
    kubectl.create(pod(image("tiny"), "sleep", "600", resources=counted))
    kubectl.until("pod/one", "{.status.phase}", "Running")
    with settings(second, Settings(evict={"memory.available": "99%"})):
        kubectl.until("pod/one", "{.status.reason}", "Evicted")
        message = field(kubectl, "{.status.message}")  # a restarted kubelet may write the status anew, without it
    assert message.startswith("The node was low on resource: memory.")
    wait_until_it_takes_pods(kubectl, image("tiny"))


@contextlib.contextmanager
def losing_nodes_after(seconds: int, cluster: Cluster) -> Iterator[None]:
    def restart(component: Component) -> None:
        cluster.kill(component.name)
        cluster.add(component)

    restart(control_plane.controller_manager(cluster.layout, lost_after=seconds))
    try:
        yield
    finally:
        restart(control_plane.controller_manager(cluster.layout))


def test_a_lost_node_is_not_ready_and_its_pods_are_deleted(second: Cluster, kubectl: Kubectl, image: Images) -> None:
    kubectl.create(pod(image("tiny"), "sleep", "600"))
    kubectl.until("pod/one", "{.status.phase}", "Running")
    with losing_nodes_after(6, second):
        second_node.lose(second)
        kubectl.until(f"node/{NAME}", '{.status.conditions[?(@.type=="Ready")].status}', "Unknown")
        kubectl.condition("pod/one", "DisruptionTarget")
    assert field(kubectl, '{.status.conditions[?(@.type=="DisruptionTarget")].reason}') == "DeletionByTaintManager"
    # it is deleted just after that was written down
    readiness.until(lambda: field(kubectl, "{.metadata.deletionTimestamp}") != "", what="The pod is deleted")
    second_node.add(second)
    readiness.until(lambda: not kubectl.names("pods"), what="The node is back, and the pod is gone")


def test_an_end_leaves_nothing_of_a_second_node_with_a_pod_on_it() -> None:
    outside.down(NAMED)
    HERE.logs.mkdir(parents=True, exist_ok=True)
    before = present()
    with outside.running(NAMED, print) as other:
        second_node.add(other)
        there = Kubectl(kubeconfig=other.layout.kubeconfig, namespace="one")
        there.make_namespace()
        there.create(pod(other.image(images.TINY), "sleep", "600"))
        there.until("pod/one", "{.status.phase}", "Running")
        assert all(present()[kind] != before[kind] for kind in ("links", "routes", "processes", "cgroups"))
    assert present() == before
