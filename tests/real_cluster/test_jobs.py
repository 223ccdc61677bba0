"""The cluster does what a real one does: pods, their faults, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster import readiness
from real_cluster.manifests import Images, pod, template, train_job, v1_job

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

CALL_THE_API = """
import json, os, ssl, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
namespace, token = (open(account + name).read() for name in ("namespace", "token"))
address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api/v1/namespaces/{namespace}/pods"
request = urllib.request.Request(address, headers={"Authorization": "Bearer " + token})
answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account + "ca.crt"))
print([pod["metadata"]["name"] for pod in json.load(answer)["items"]])
"""

USE_IT_UP = "sleep 1; tail /dev/zero; code=$?; sleep 1; exit $code"
"""Not in its first moment, nor as its last: containerd listens for it from a little after the start until the end."""


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
    kubectl.create(pod(image("python"), "python3", "-c", CALL_THE_API))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded")
    assert kubectl("logs", "one") == "['one']\n"


def test_a_pod_over_its_memory_is_killed(kubectl: Kubectl, image: Images) -> None:
    limits = {"limits": {"memory": "20Mi"}}
    kubectl.create(pod(image("tiny"), "sh", "-c", USE_IT_UP, resources=limits))
    path = "{.status.containerStatuses[0].state.terminated.reason}"
    kubectl.until("pod/one", path, "OOMKilled")


def test_an_image_that_does_not_exist_is_waited_for(kubectl: Kubectl, image: Images) -> None:
    missing = image("tiny").replace("/tiny:", "/none:")
    kubectl.create(pod(missing, "true"))

    def reason() -> str:
        return kubectl("get", "pod/one", "-o=jsonpath={.status.containerStatuses[0].state.waiting.reason}")

    tried = {"ErrImagePull", "ImagePullBackOff"}  # in turns
    readiness.until(lambda: reason() in tried, what="The pull fails")


def test_a_quota_refuses_a_pod(kubectl: Kubectl, image: Images) -> None:
    kubectl("create", "quota", "none", "--hard=pods=0")
    kubectl.until("quota/none", "{.status.hard.pods}", "0")
    assert "exceeded quota: none" in kubectl.refused(pod(image("tiny"), "true"))


def test_the_webhook_refuses_a_job_whose_container_has_the_wrong_name(kubectl: Kubectl, image: Images) -> None:
    body = template(image("tiny"), "true", name="wrong")
    assert "denied the request" in kubectl.refused(v1_job("PyTorchJob", {"Master": (1, body)}))


def test_the_webhook_refuses_a_trainjob_whose_runtime_does_not_exist(kubectl: Kubectl) -> None:
    assert "denied the request" in kubectl.refused(train_job("none", "any", ""))
