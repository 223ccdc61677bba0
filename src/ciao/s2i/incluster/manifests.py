"""The objects of one build: a Job, which owns a ConfigMap with what is built and a Secret with who pushes it. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciao.k8s.base import CONFIG_MAPS, Manifest, Resource
from ciao.model import Job
from ciao.s2i.incluster.builders import Builder
from ciao.s2i.incluster.order import Order

__all__ = ["BUILD", "CONTAINER", "JOBS", "SECRETS", "Place", "config_map", "job_of", "secret"]

JOBS = Resource(kind="Job", plural="jobs", group="batch")
SECRETS = Resource(kind="Secret", plural="secrets")

BUILD = "ciao/build"
"""Label of all that belongs to a build: the name of its Job. It is not that of jobs, whose pods are replicas."""

CONTAINER = "build"

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


def job_of(order: Order, builder: Builder, place: Place, *, of: Job) -> Manifest:
    """It is tried once: what fails, fails again, and the user decides."""
    labels = _labels(place)
    template = {
        "metadata": {"labels": {**labels, "sidecar.istio.io/inject": "false"}},
        "spec": _pod(order, builder, place),
    }
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "labels": labels,
            "annotations": {"ciao/job": of.name, "ciao/s2i": builder.name, "ciao/code-hash": of.code_hash},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": KEPT,
            "template": template,
        },
    }


def config_map(order: Order, builder: Builder, place: Place, *, uid: str) -> Manifest:
    """What the builder reads."""
    files = {**order.files, **builder.files(order, builder.folder)}
    binary = {name: base64.b64encode(one).decode() for name, one in files.items() if isinstance(one, bytes)}
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": _owned(place, uid),
        "immutable": True,
        "data": {name: one for name, one in files.items() if isinstance(one, str)},
        "binaryData": binary,
    }


def secret(order: Order, place: Place, *, uid: str) -> Manifest:
    """Who pulls and pushes."""
    login = base64.b64encode(order.login.encode()).decode()
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "type": DOCKER_CONFIG,
        "metadata": _owned(place, uid),
        "immutable": True,
        "data": {".dockerconfigjson": login},
    }


def _pod(order: Order, builder: Builder, place: Place) -> dict[str, Any]:
    login = place.name if order.login else place.login
    volumes: list[dict[str, Any]] = [
        {"name": "input", "configMap": {"name": place.name}},
        {"name": "work", "emptyDir": {}},
    ]
    if login:
        items = [{"key": ".dockerconfigjson", "path": "config.json"}]
        volumes.append({"name": "login", "secret": {"secretName": login, "items": items, "defaultMode": 0o440}})
    selector = {"kubernetes.io/arch": place.architecture} if place.architecture else {}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "nodeSelector": {"kubernetes.io/os": "linux", **selector},
        "imagePullSecrets": [{"name": name} for name in place.pull_secrets],
        **({"securityContext": dict(builder.pod)} if builder.pod else {}),
        "containers": [_container(order, builder, place, volumes, env=_env(builder, login=login))],
        "volumes": volumes,
    }


def _container(
    order: Order, builder: Builder, place: Place, volumes: list[dict[str, Any]], *, env: Mapping[str, str]
) -> dict[str, Any]:
    mounts = [
        {"name": one["name"], "mountPath": f"{builder.folder}/{one['name']}", "readOnly": one["name"] != "work"}
        for one in volumes
    ]
    return {
        "name": CONTAINER,
        "image": place.image,
        "imagePullPolicy": "IfNotPresent",
        "command": builder.command(order, builder.folder),
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "resources": RESOURCES,
        "securityContext": dict(builder.allowed),
        "volumeMounts": mounts,
    }


def _env(builder: Builder, *, login: str) -> dict[str, str]:
    return {**builder.env, **({"DOCKER_CONFIG": f"{builder.folder}/login"} if login else {})}


def _labels(place: Place) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "ciao", BUILD: re.sub(r"[^-A-Za-z0-9_.]", "-", place.name)}


def _owned(place: Place, uid: str) -> dict[str, Any]:
    """They go with the Job, whoever deletes it."""
    owner = {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "name": place.name, "uid": uid}
    return {
        "name": place.name,
        "namespace": place.namespace,
        "labels": _labels(place),
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": False}],
    }
