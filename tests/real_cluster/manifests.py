"""What the tests of the real cluster create, and how they read what its replicas tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

Images = Callable[[str], str]
Told = dict[str, Any]

TELL = """
import json, os
print(json.dumps({"variables": dict(os.environ), "result": result}), flush=True)
"""
"""The end of a replica's program, which has set `result`: one line that `told` reads."""

USER = {"runAsNonRoot": True, "runAsUser": 1000, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""A container as pod security `restricted` wants it."""


def template(image: str, *command: str, name: str = "main", **container: Any) -> dict[str, Any]:
    one = {"name": name, "image": image, "command": list(command), **container}
    return {"spec": {"containers": [one], "terminationGracePeriodSeconds": 1}}


def python(image: str, program: str, *, name: str) -> dict[str, Any]:
    """It tells its result, as a user without rights."""
    return template(image, "python3", "-c", program + TELL, name=name, securityContext=USER)


def pod(image: str, *command: str, **container: Any) -> dict[str, Any]:
    body = template(image, *command, **container)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {**body["spec"], "restartPolicy": "Never"},
    }


def v1_job(kind: str, replicas: dict[str, tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Its finished pods stay, and so do their logs."""
    field = {"XGBoostJob": "xgb"}.get(kind, kind.removesuffix("Job").lower()) + "ReplicaSpecs"
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


def train_job(runtime: str, image: str, program: str) -> dict[str, Any]:
    """Two nodes."""
    trainer = {"numNodes": 2, "image": image, "command": ["python3", "-c", program + TELL]}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "job"},
        "spec": {"runtimeRef": {"name": runtime}, "trainer": trainer},
    }


def finished(kubectl: Kubectl, kind: str, *pods: str) -> list[Told]:
    """What each of these pods told, once the job and they have succeeded: a job does not wait for all of its pods."""
    kubectl.condition(f"{kind.lower()}/job", "Succeeded", seconds=600)
    for name in pods:
        kubectl.until(f"pod/{name}", "{.status.phase}", "Succeeded")
    return [told(kubectl("logs", name)) for name in pods]


def told(log: str) -> Told:
    """Of one replica, among what else its log says."""
    [line] = [line for line in log.splitlines() if line.startswith("{")]
    found: Told = json.loads(line)
    return found


def missing(variables: Mapping[str, str], **promised: str) -> dict[str, str | None]:
    """Those that are not as promised, with what they are instead."""
    return {name: variables.get(name) for name, value in promised.items() if variables.get(name) != value}
