"""The cluster does what a real one does: pods, every job kind that is here, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kubectl import Kubectl

    Images = Callable[[str], str]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ALL_REDUCE = """
import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(value)
print("sum", int(value), "of", dist.get_world_size(), flush=True)
dist.destroy_process_group()
"""

NODE = """
import os
os.environ.update(MASTER_ADDR=os.environ["PET_MASTER_ADDR"], MASTER_PORT=os.environ["PET_MASTER_PORT"],
                  RANK=os.environ["PET_NODE_RANK"], WORLD_SIZE=os.environ["PET_NNODES"])
"""

CALL_THE_API = """
import json, os, ssl, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
namespace, token = (open(account + name).read() for name in ("namespace", "token"))
address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api/v1/namespaces/{namespace}/pods"
request = urllib.request.Request(address, headers={"Authorization": "Bearer " + token})
answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account + "ca.crt"))
print([pod["metadata"]["name"] for pod in json.load(answer)["items"]])
"""


def template(image: str, *command: str, name: str = "main", **container: Any) -> dict[str, Any]:
    one = {"name": name, "image": image, "command": list(command), **container}
    return {"spec": {"containers": [one], "terminationGracePeriodSeconds": 1}}


def pod(image: str, *command: str, **container: Any) -> dict[str, Any]:
    body = template(image, *command, **container)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {**body["spec"], "restartPolicy": "Never"},
    }


def v1_job(kind: str, replicas: dict[str, tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    field = kind.removesuffix("Job").lower() + "ReplicaSpecs"
    specs = {
        role: {"replicas": count, "restartPolicy": "Never", "template": body}
        for role, (count, body) in replicas.items()
    }
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": kind,
        "metadata": {"name": "job"},
        "spec": {"runPolicy": {"cleanPodPolicy": "None"}, field: specs},
    }


def test_a_plain_pod_runs_and_its_log_is_read(kubectl: Kubectl, image: Images) -> None:
    kubectl.create(pod(image("tiny"), "echo", "hello"))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded")
    assert kubectl("logs", "one") == "hello\n"


def test_a_pod_finds_a_service_by_its_name(kubectl: Kubectl, image: Images) -> None:
    kubectl.create(pod(image("pytorch-init"), "nslookup", "kubernetes.default"))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded")
    assert kubectl("logs", "one") == "[10.96.0.1]\n"


def test_a_pod_calls_the_api_with_its_service_account(kubectl: Kubectl, image: Images) -> None:
    kubectl("create", "rolebinding", "v", "--clusterrole=view", f"--serviceaccount={kubectl.namespace}:default")
    kubectl.create(pod(image("pytorch"), "python3", "-c", CALL_THE_API))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded", seconds=180)
    assert kubectl("logs", "one") == "['one']\n"


def test_a_pod_over_its_memory_is_killed(kubectl: Kubectl, image: Images) -> None:
    limits = {"limits": {"memory": "20Mi"}}
    kubectl.create(pod(image("tiny"), "sh", "-c", "tail /dev/zero", resources=limits))
    path = "{.status.containerStatuses[0].state.terminated.reason}"
    kubectl.until("pod/one", path, "OOMKilled")


def test_an_image_that_does_not_exist_is_waited_for(kubectl: Kubectl, image: Images) -> None:
    missing = image("tiny").replace("/tiny:", "/none:")
    kubectl.create(pod(missing, "true"))
    path = "{.status.containerStatuses[0].state.waiting.reason}"
    kubectl.until("pod/one", path, "ImagePullBackOff")


def test_a_quota_refuses_a_pod(kubectl: Kubectl, image: Images) -> None:
    kubectl("create", "quota", "none", "--hard=pods=0")
    kubectl.until("quota/none", "{.status.hard.pods}", "0")
    assert "exceeded quota: none" in kubectl.refused(pod(image("tiny"), "true"))


def test_a_pytorchjob_reduces_over_a_master_and_two_workers(kubectl: Kubectl, image: Images) -> None:
    body = template(image("pytorch"), "python3", "-c", ALL_REDUCE, name="pytorch")
    kubectl.create(v1_job("PyTorchJob", {"Master": (1, body), "Worker": (2, body)}))
    kubectl.condition("pytorchjob/job", "Succeeded", seconds=180)
    assert kubectl("logs", "job-master-0") == "sum 6 of 3\n"


def test_a_trainjob_reduces_over_two_nodes(kubectl: Kubectl, image: Images) -> None:
    trainer = {"numNodes": 2, "image": image("pytorch"), "command": ["python3", "-c", NODE + ALL_REDUCE]}
    kubectl.create(
        {
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": {"name": "job"},
            "spec": {"runtimeRef": {"name": "torch-distributed"}, "trainer": trainer},
        }
    )
    kubectl.condition("trainjob/job", "Complete", seconds=180)
    assert [kubectl("logs", name) for name in kubectl.names("pods")] == ["sum 3 of 2\n"] * 2


@pytest.mark.parametrize(
    ("kind", "container", "role", "variable"),
    [
        ("TFJob", "tensorflow", "Worker", "TF_CONFIG"),
        ("JAXJob", "jax", "Worker", "COORDINATOR_ADDRESS"),
        ("PaddleJob", "paddle", "Worker", "PADDLE_MASTER"),
    ],
)
def test_a_job_of_two_has_its_variables(
    kind: str, container: str, role: str, variable: str, kubectl: Kubectl, image: Images
) -> None:
    body = template(image("tiny"), "sh", "-c", f"env | grep ^{variable}=", name=container)
    kubectl.create(v1_job(kind, {role: (2, body)}))
    kubectl.condition(f"{kind.lower()}/job", "Succeeded", seconds=20)
    assert "job-worker-0" in kubectl("logs", "job-worker-1")


def test_the_webhook_refuses_a_job_whose_container_has_the_wrong_name(kubectl: Kubectl, image: Images) -> None:
    body = template(image("tiny"), "true", name="wrong")
    assert "denied the request" in kubectl.refused(v1_job("PyTorchJob", {"Master": (1, body)}))
