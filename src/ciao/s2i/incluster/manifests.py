"""The objects of a build: a Job or TaskRun, which owns a ConfigMap of what is built and a Secret of who pushes."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from ciao.k8s.base import CONFIG_MAPS, Manifest, Resource
from ciao.model import Job
from ciao.s2i.incluster.builders import Builder
from ciao.s2i.incluster.order import Order

__all__ = ["BUILD", "JOBS", "SECRETS", "TASK_RUNS", "Place", "config_map", "ran_by", "run_of", "secret"]

JOBS = Resource(kind="Job", plural="jobs", group="batch")
TASK_RUNS = Resource(kind="TaskRun", plural="taskruns", group="tekton.dev")
SECRETS = Resource(kind="Secret", plural="secrets")

BUILD = "ciao/build"
"""Label of all that belongs to a build: the name of its Job. It is not that of jobs, whose pods are replicas."""

DEADLINE = 3600
"""Seconds after which the cluster ends a build, whoever waits for it."""

KEPT = 600
"""Seconds after its end in which the cluster removes it, should nobody have done so before."""

RESOURCES = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}}

DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a build runs: its Job's ``name``, and the ``architecture`` of the nodes, empty for any.

    ``image`` is that of the builder; ``pull_secrets`` are those with which the node pulls it. ``login`` is a Secret
    that exists and is used where the order brings no login.
    """

    name: str
    namespace: str
    image: str
    architecture: str = ""
    pull_secrets: tuple[str, ...] = ()
    login: str = ""


def ran_by(builder: Builder) -> Resource:
    """What a build is, and owns all else of it."""
    return JOBS if builder.by == "Job" else TASK_RUNS


def run_of(order: Order, builder: Builder, place: Place, *, of: Job) -> Manifest:
    """It is tried once: what fails, fails again, and the user decides."""
    resource = ran_by(builder)
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "labels": _labels(place),
            "annotations": {"ciao/job": of.name, "ciao/s2i": builder.name, "ciao/code-hash": of.code_hash},
        },
        "spec": _job(order, builder, place) if builder.by == "Job" else _task_run(order, builder, place),
    }


def _job(order: Order, builder: Builder, place: Place) -> dict[str, Any]:
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE,
        "ttlSecondsAfterFinished": KEPT,
        "template": {
            "metadata": {"labels": _labels(place)},
            "spec": {
                **_pod(builder, place),
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 1,
                "containers": [{**_container(order, builder, place), "resources": RESOURCES}],
                "volumes": _volumes(order, place),
            },
        },
    }


def _task_run(order: Order, builder: Builder, place: Place) -> dict[str, Any]:
    """Tekton has no time after which it removes one; its labels get onto the pod."""
    step = {**_container(order, builder, place), "computeResources": RESOURCES}
    return {
        "timeout": f"{DEADLINE}s",
        "podTemplate": _pod(builder, place),
        "taskSpec": {"results": [{"name": "digest"}], "steps": [step], "volumes": _volumes(order, place)},
    }


def config_map(order: Order, builder: Builder, place: Place, *, uid: str) -> Manifest:
    """What the builder reads."""
    files = {**order.files, **builder.files(order, builder.folder)}
    binary = {name: base64.b64encode(one).decode() for name, one in files.items() if isinstance(one, bytes)}
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": _owned(builder, place, uid),
        "immutable": True,
        "data": {name: one for name, one in files.items() if isinstance(one, str)},
        "binaryData": binary,
    }


def secret(order: Order, builder: Builder, place: Place, *, uid: str) -> Manifest:
    """Who pulls and pushes."""
    login = base64.b64encode(order.login.encode()).decode()
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "type": DOCKER_CONFIG,
        "metadata": _owned(builder, place, uid),
        "immutable": True,
        "data": {".dockerconfigjson": login},
    }


def _pod(builder: Builder, place: Place) -> dict[str, Any]:
    """What a pod and Tekton's template of one have in common."""
    selector = {"kubernetes.io/arch": place.architecture} if place.architecture else {}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "nodeSelector": {"kubernetes.io/os": "linux", **selector},
        "imagePullSecrets": [{"name": name} for name in place.pull_secrets],
        **({"securityContext": dict(builder.pod)} if builder.pod else {}),
    }


def _volumes(order: Order, place: Place) -> list[dict[str, Any]]:
    login = place.name if order.login else place.login
    volumes: list[dict[str, Any]] = [
        {"name": "input", "configMap": {"name": place.name}},
        {"name": "work", "emptyDir": {}},
    ]
    if login:
        items = [{"key": ".dockerconfigjson", "path": "config.json"}]
        volumes.append({"name": "login", "secret": {"secretName": login, "items": items, "defaultMode": 0o440}})
    return volumes


def _container(order: Order, builder: Builder, place: Place) -> dict[str, Any]:
    names = [one["name"] for one in _volumes(order, place)]
    env = {**builder.env, **({"DOCKER_CONFIG": f"{builder.folder}/login"} if "login" in names else {})}
    return {
        "name": "build",
        "image": place.image,
        "imagePullPolicy": "IfNotPresent",
        "command": builder.command(order, builder.folder, builder.told),
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "securityContext": dict(builder.allowed),
        "volumeMounts": [
            {"name": name, "mountPath": f"{builder.folder}/{name}", "readOnly": name != "work"} for name in names
        ],
    }


def _labels(place: Place) -> dict[str, str]:
    name = re.sub(r"[^-A-Za-z0-9_.]", "-", place.name)
    return {"app.kubernetes.io/managed-by": "ciao", BUILD: name, "sidecar.istio.io/inject": "false"}


def _owned(builder: Builder, place: Place, uid: str) -> dict[str, Any]:
    """They go with the build, whoever deletes it."""
    run = ran_by(builder)
    owner = {"apiVersion": run.api_version, "kind": run.kind, "name": place.name, "uid": uid}
    return {
        "name": place.name,
        "namespace": place.namespace,
        "labels": _labels(place),
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": False}],
    }
