"""What is kept in memory of objects that are watched: most of a pod is what nobody reads here. Pure."""

from __future__ import annotations

from ciao.backends.kubeflow.carrying import VOLUME
from ciao.k8s.base import Manifest
from ciao.k8s.changes import slim

__all__ = ["event", "pod"]

_OF_POD = ("tolerations", "affinity", "securityContext", "topologySpreadConstraints")
_OF_CONTAINER = ("args", "command", "securityContext", "volumeMounts", "livenessProbe", "readinessProbe")
_OF_EVENT = ("metadata", "reason", "message", "type", "series", "lastTimestamp", "eventTime", "firstTimestamp")


def pod(item: Manifest) -> Manifest:
    """Without what was asked for. Of variables, that by which the cell's container is known; of volumes, the code's."""
    slim(item)["metadata"].pop("ownerReferences", None)
    spec = item.get("spec") or {}
    for name in _OF_POD:
        spec.pop(name, None)
    if "volumes" in spec:
        code = (one for one in spec["volumes"] if one.get("name") == VOLUME)
        spec["volumes"] = [
            {"name": VOLUME, "image": one["image"]} if "image" in one else {"name": VOLUME} for one in code
        ]
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for name in _OF_CONTAINER:
            container.pop(name, None)
        container["env"] = [one for one in container.get("env") or () if one.get("name") == "CIAO_JOB"]
    return item


def event(item: Manifest) -> Manifest:
    """When it was said, what, and of what; not by whom."""
    of = slim(item).get("involvedObject") or {}
    return {
        **{name: item[name] for name in _OF_EVENT if item.get(name)},
        "involvedObject": {"kind": of.get("kind"), "name": of.get("name")},
    }
