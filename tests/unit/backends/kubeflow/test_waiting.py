"""The texts are those that a real cluster gave."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ciao.backends.kubeflow.held import held
from ciao.backends.kubeflow.waiting import created_words, why_not_created, why_waiting

Manifest = dict[str, Any]


def waiting_pod(reason: str, message: str = "", *, image: str = "r:5000/team/base:1") -> Manifest:
    state = {"waiting": {"reason": reason, "message": message}}
    return {
        "metadata": {"name": "j-worker-0"},
        "spec": {"containers": [{"name": "pytorch"}]},
        "status": {"containerStatuses": [{"name": "pytorch", "image": image, "state": state}]},
    }


def unscheduled(message: str) -> Manifest:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {
        "metadata": {"name": "j-worker-0"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"conditions": [condition]},
    }


NOT_FOUND = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "r:5000/nosuch:1": failed to resolve reference '
    '"r:5000/nosuch:1": r:5000/nosuch:1: not found'
)
NO_HOST = (
    'rpc error: code = Unknown desc = failed to pull and unpack image "nosuch.invalid/x:1": failed to resolve '
    'reference "nosuch.invalid/x:1": failed to do request: Head "https://nosuch.invalid/v2/x/manifests/1": dial tcp: '
    "lookup nosuch.invalid on 10.0.0.1: no such host"
)
REFUSED = (
    'rpc error: code = Unknown desc = failed to pull and unpack image "r:5001/x:1": failed to resolve reference '
    '"r:5001/x:1": pull access denied, repository does not exist or may require authorization: authorization failed: '
    "no basic auth credentials"
)


@pytest.mark.parametrize(
    ("reason", "message", "image", "words", "patience"),
    [
        ("ErrImagePull", NOT_FOUND, "r:5000/nosuch:1", "the registry has no image r:5000/nosuch:1", 0),
        ("ImagePullBackOff", NO_HOST, "nosuch.invalid/x:1", "the node cannot find the registry nosuch.invalid", 30),
        ("ErrImagePull", REFUSED, "r:5001/x:1", "the registry refuses the node the image r:5001/x:1", 0),
        ("InvalidImageName", "couldn't parse image name", "UPPER/Bad:1", "UPPER/Bad:1 is no image name", 0),
    ],
)
def test_an_image_that_cannot_be_had_is_named_with_what_the_registry_said(
    reason: str, message: str, image: str, words: str, patience: float
) -> None:
    why = why_waiting(waiting_pod(reason, message, image=image))
    assert why is not None
    assert (why.words, why.patience) == (words, patience)


def test_a_pull_that_backs_off_without_saying_why_is_waited_for() -> None:
    why = why_waiting(waiting_pod("ImagePullBackOff", 'Back-off pulling image "r:5000/team/base:1"'))
    assert why is not None
    assert why.patience == math.inf


def test_a_container_that_is_being_made_says_nothing() -> None:
    assert why_waiting(waiting_pod("ContainerCreating")) is None


def test_a_secret_that_is_missing_is_named() -> None:
    why = why_waiting(waiting_pod("CreateContainerConfigError", 'secret "token" not found'))
    assert why is not None
    assert why.words == "there is no secret token in its namespace"
    assert why.fix == "Create it, or correct %secret.NAME="


def test_a_key_that_a_secret_does_not_have_is_named() -> None:
    why = why_waiting(waiting_pod("CreateContainerConfigError", "couldn't find key password in Secret team-a/token"))
    assert why is not None
    assert why.words == "the secret token has no key password"


def test_too_little_of_a_resource_says_which_and_waits() -> None:
    message = (
        "0/12 nodes are available: 1 Insufficient cpu, 11 node(s) had untolerated taint(s). no new claims to "
        "deallocate, preemption: 0/12 nodes are available: 12 Preemption is not helpful for scheduling."
    )
    why = why_waiting(unscheduled(message))
    assert why is not None
    assert why.words.startswith("none of 12 nodes has enough cpu free (1 Insufficient cpu, 11 node(s)")
    assert "Preemption" not in why.words
    assert why.patience == math.inf


def test_a_resource_with_a_long_name_is_named_whole() -> None:
    why = why_waiting(unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: none."))
    assert why is not None
    assert "enough nvidia.com/gpu free" in why.words


def test_a_claim_that_does_not_exist_is_named() -> None:
    why = why_waiting(unscheduled('0/12 nodes are available: persistentvolumeclaim "data" not found. not found'))
    assert why is not None
    assert why.words == "there is no PersistentVolumeClaim data in its namespace"
    assert why.patience == 30


def test_a_volume_of_a_secret_that_is_missing_is_read_from_the_events() -> None:
    event = {"reason": "FailedMount", "message": 'MountVolume.SetUp failed for volume "v" : secret "x" not found'}
    why = why_waiting(waiting_pod("ContainerCreating"), [event])
    assert why is not None
    assert why.words == "there is no secret x in its namespace"


def test_what_a_young_namespace_heals_by_itself_is_not_told() -> None:
    message = "MountVolume.SetUp failed: failed to sync configmap cache: timed out waiting for the condition"
    assert why_waiting(waiting_pod("ContainerCreating"), [{"reason": "FailedMount", "message": message}]) is None


@pytest.mark.parametrize(
    ("message", "code", "words", "patience"),
    [
        (
            'pods "j-worker-0" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
            "QuotaExceeded",
            "the namespace's quota q is used up: asked pods=1, used pods=1 of pods=1",
            math.inf,
        ),
        (
            'Error creating: pods "j-worker-0" is forbidden: failed quota: q: must specify requests.cpu for: pytorch',
            "QuotaExceeded",
            "the namespace's quota q wants every pod to state requests.cpu",
            0,
        ),
        (
            'Error creating: pods "j" is forbidden: maximum memory usage per Container is 256Mi, but limit is 1Gi',
            "LimitRange",
            "the namespace has a limit: maximum memory usage per Container is 256Mi, but limit is 1Gi",
            0,
        ),
        (
            'pods "j" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
            "ServiceAccountNotFound",
            "there is no service account x in its namespace",
            30,
        ),
        (
            'Error creating: pods "j" is forbidden: no PriorityClass with name high was found',
            "PriorityClassNotFound",
            "the cluster has no priority class high",
            0,
        ),
        (
            'pods "j" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set it)',
            "PodSecurity",
            "pod security restricted of its namespace refuses it: runAsNonRoot != true (pod must set it)",
            0,
        ),
    ],
)
def test_a_pod_that_is_refused_is_told_in_words(message: str, code: str, words: str, patience: float) -> None:
    why = created_words(message)
    assert (why.code, why.words, why.patience) == (code, words, patience)


def test_the_operators_own_init_container_is_blamed_and_not_the_user() -> None:
    why = created_words(
        'pods "j-worker-0" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "init-pytorch" must set securityContext.allowPrivilegeEscalation=false)'
    )
    assert "init container that the operator adds" in why.words
    assert why.fix == "Ask for workers alone: %worker=N without %master"


def test_only_events_of_a_refused_creation_are_read() -> None:
    noise = {"reason": "ExitedWithCode", "message": "Pod: ns.j-worker-0 exited with code 0"}
    refused = {"reason": "FailedCreatePod", "message": "no PriorityClass with name x was found"}
    why = why_not_created([refused, noise])
    assert why is not None
    assert why.code == "PriorityClassNotFound"
    assert why_not_created([noise]) is None


def queued(*, suspend: bool = True) -> Manifest:
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    return {"metadata": {"labels": labels}, "spec": {"runPolicy": {"suspend": suspend}}}


def test_a_job_in_a_queue_says_which_and_what_the_queue_says() -> None:
    event = {
        "involvedObject": {"kind": "Workload", "name": "pytorchjob-j-1a2b3"},
        "reason": "Pending",
        "message": "couldn't assign flavors to pod set worker: insufficient unused quota for cpu in flavor f",
    }
    why = held(queued(), [event])
    assert why is not None
    assert why.words.startswith("it waits in the queue team: couldn't assign flavors to pod set worker: insufficient")


def test_a_job_that_was_let_go_is_not_held() -> None:
    assert held(queued(suspend=False), []) is None
