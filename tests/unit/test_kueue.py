"""What the stand-in for Kueue writes, as values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cluster import workloads
from cluster.errors import ClusterError
from cluster.workloads import Condition

OTHER = {"manager": "somebody.else/manager", "trainingRuntimeSpec": {}}
WAITS = Condition(type="QuotaReserved", status=False, reason="Pending", message="none left")


def job(kind: str, api: str, spec: dict[str, Any]) -> dict[str, Any]:
    about = {"name": "job", "namespace": "one", "uid": "u-1", "labels": {workloads.QUEUE: "ours"}}
    return {"apiVersion": api, "kind": kind, "metadata": about, "spec": spec}


@pytest.fixture
def v1() -> dict[str, Any]:
    container = {"name": "pytorch", "resources": {"requests": {"cpu": "1"}}}
    template = {"metadata": {"labels": {"mine": "1"}}, "spec": {"containers": [container], "nodeSelector": {"a": "b"}}}
    roles = {"Master": {"replicas": 1, "template": template}, "Worker": {"replicas": 3, "template": template}}
    return job("PyTorchJob", "kubeflow.org/v1", {"runPolicy": {"suspend": True}, "pytorchReplicaSpecs": roles})


@pytest.fixture
def trainjob() -> dict[str, Any]:
    return job("TrainJob", "trainer.kubeflow.org/v1alpha1", {"suspend": True, "runtimePatches": [OTHER]})


@pytest.fixture
def jobset() -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "node"}]}}
    node = {"name": "node", "replicas": 3, "template": {"spec": {"parallelism": 2, "template": pod}}}
    return {"spec": {"replicatedJobs": [node]}}


def made(of: dict[str, Any], jobset: dict[str, Any] | None = None) -> dict[str, Any]:
    """Its Workload as the API server gives it back."""
    workload = workloads.make(of, workloads.pod_sets(of, jobset))
    return {**workload, "metadata": {**workload["metadata"], "generation": 1}}


def test_a_workload_is_named_after_its_job_and_owned_by_it(v1: dict[str, Any]) -> None:
    metadata = made(v1)["metadata"]
    assert metadata["name"] == "pytorchjob-job-d03cd"
    assert metadata["ownerReferences"][0]["uid"] == "u-1"


def test_each_role_is_a_pod_set(v1: dict[str, Any]) -> None:
    found = made(v1)["spec"]["podSets"]
    assert [(one["name"], one["count"]) for one in found] == [("master", 1), ("worker", 3)]
    assert workloads.admission(made(v1))["podSetAssignments"][1]["flavors"] == {"cpu": "default-flavor"}


def test_a_trainjob_s_pod_sets_are_those_of_its_jobset(trainjob: dict[str, Any], jobset: dict[str, Any]) -> None:
    found = made(trainjob, jobset)["spec"]["podSets"]
    assert [(one["name"], one["count"]) for one in found] == [("node", 6)]


def test_a_job_that_asks_for_no_queue_has_no_workload(v1: dict[str, Any]) -> None:
    v1["metadata"]["labels"] = {}
    with pytest.raises(ClusterError, match="PyTorchJob job has no label kueue"):
        made(v1)


def test_a_v1_job_starts_with_its_nodes_in_one_patch(v1: dict[str, Any]) -> None:
    ((*templates, start),) = workloads.started(v1, made(v1), {"pool": "gpu"})
    assert start == {"op": "add", "path": "/spec/runPolicy/suspend", "value": False}
    assert templates[1]["path"] == "/spec/pytorchReplicaSpecs/Worker/template"
    assert templates[1]["value"]["spec"]["nodeSelector"] == {"a": "b", "pool": "gpu"}
    assert (
        templates[1]["value"]["metadata"]["labels"].items() >= {"mine": "1", "kueue.x-k8s.io/podset": "worker"}.items()
    )


def test_a_v1_job_that_is_stopped_has_its_templates_back(v1: dict[str, Any]) -> None:
    ((*templates, stop),) = workloads.stopped(v1, made(v1))
    assert stop["value"] is True
    assert [one["value"] for one in templates] == [
        role["template"] for role in v1["spec"]["pytorchReplicaSpecs"].values()
    ]


def test_a_trainjob_s_patches_of_others_stay(trainjob: dict[str, Any], jobset: dict[str, Any]) -> None:
    _, patches = workloads.held(trainjob)
    assert patches["value"][0] == OTHER
    trainjob["spec"]["runtimePatches"] = patches["value"]
    nodes, start = workloads.started(trainjob, made(trainjob, jobset), {"pool": "gpu"})
    assert nodes[0]["path"] == "/spec/runtimePatches/1/trainingRuntimeSpec/template/spec/replicatedJobs"
    assert nodes[0]["value"][0]["template"]["spec"]["template"]["spec"] == {"nodeSelector": {"pool": "gpu"}}
    assert start == [{"op": "add", "path": "/spec/suspend", "value": False}]


def test_the_time_of_a_condition_changes_with_its_status_only(v1: dict[str, Any]) -> None:
    workload = made(v1)
    first, second = (datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in (1, 2))
    workload["status"] = {"conditions": workloads.conditions(workload, WAITS, now=first)}
    again = Condition(type="QuotaReserved", status=False, reason="Pending", message="still none")
    (found,) = workloads.conditions(workload, again, now=second)
    assert (found["message"], found["lastTransitionTime"]) == ("still none", "2026-01-01T00:00:01Z")
    reserved = Condition(type="QuotaReserved", status=True, reason="QuotaReserved", message="")
    assert workloads.conditions(workload, reserved, now=second)[0]["lastTransitionTime"] == "2026-01-01T00:00:02Z"


@pytest.mark.parametrize(
    ("kind", "reason"), [("Succeeded", "Succeeded"), ("Complete", "Succeeded"), ("Failed", "Failed")]
)
def test_a_job_that_is_done_gives_its_message(kind: str, reason: str, v1: dict[str, Any]) -> None:
    assert workloads.ended(v1) is None
    v1["status"] = {"conditions": [{"type": kind, "status": "True", "message": "so it is"}]}
    assert workloads.ended(v1) == Condition(type="Finished", status=True, reason=reason, message="so it is")
