"""What is kept of watched objects is all that is read of them, and little else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ciao.backends.kubeflow import thin
from ciao.backends.kubeflow.carrying import way_of
from ciao.backends.kubeflow.replicas import container_of, replica_of
from ciao.model import Bundle
from fakes import asked

STATUS = {"containerStatuses": [{"name": "pytorch", "restartCount": 2, "state": {"running": {"startedAt": "now"}}}]}
LABELS = {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/replica-index": "1"}


def pod() -> dict[str, Any]:
    """As the server tells it: a sidecar is before the cell's container."""
    spec = copy.deepcopy(asked.pod(asked.made(asked.spec()), "Worker"))
    spec["containers"].insert(0, {"name": "sidecar", "image": "mesh"})
    metadata = {"name": "j-worker-1", "uid": "1", "labels": LABELS, "managedFields": [{}], "ownerReferences": [{}]}
    return {"metadata": metadata, "spec": {**spec, "nodeName": "n1"}, "status": STATUS}


def test_of_a_pod_that_is_kept_replica_and_container_are_still_known() -> None:
    kept = thin.pod(pod())
    assert replica_of(kept, ["worker-0", "worker-1"]) == "worker-1"
    assert container_of(kept) == container_of(pod())
    assert (kept["spec"]["nodeName"], kept["status"]) == ("n1", STATUS)


@pytest.mark.parametrize(
    "bundle", [None, asked.pinned("torch:1"), asked.mounted()], ids=["configmap", "image", "volume"]
)
def test_of_a_pod_that_is_kept_it_is_known_how_the_code_comes_and_with_what_it_is_pulled(bundle: Bundle | None) -> None:
    made = asked.made(asked.spec(), bundle=bundle, pull_secrets=("pull",))
    whole = {"metadata": {"name": "j-worker-0"}, "spec": asked.pod(made, "Worker")}
    kept = thin.pod(copy.deepcopy(whole))
    assert way_of(kept) == way_of(whole)
    assert kept["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    images = [[v["image"] for v in one["spec"]["volumes"] if "image" in v] for one in (kept, whole)]
    assert images[0] == images[1]


def test_a_pod_that_is_kept_has_less_than_half_of_its_text() -> None:
    assert 2 * len(json.dumps(thin.pod(pod()))) < len(json.dumps(pod()))


def test_of_an_event_its_words_its_times_and_what_it_is_about_are_kept() -> None:
    about = {"kind": "Pod", "name": "p", "uid": "1", "fieldPath": "spec"}
    said = {"reason": "Failed", "message": "no", "lastTimestamp": "now", "metadata": {"name": "e", "uid": "2"}}
    whole = {**said, "involvedObject": about, "source": {"component": "kubelet"}, "eventTime": None, "count": 3}
    assert thin.event(whole) == {**said, "involvedObject": {"kind": "Pod", "name": "p"}}
