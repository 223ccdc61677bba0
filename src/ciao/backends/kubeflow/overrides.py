"""What a TrainJob may change in the pods of its runtime, and how each version of Trainer writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciao.backends.kubeflow.runtimes import NODE

__all__ = ["MANAGER", "Split", "override_of", "split"]

MANAGER = "ciao.dev/kernel"

_POD_2_0 = frozenset({"serviceAccountName", "nodeSelector", "tolerations", "volumes", "schedulingGates"})
_POD_2_1 = _POD_2_0 | {"affinity", "imagePullSecrets"}
_POD = {
    "podSpecOverrides": _POD_2_0,
    "podTemplateOverrides": _POD_2_1,
    "runtimePatches": _POD_2_1 | {"securityContext", "terminationGracePeriodSeconds"},
}
_CONTAINER = {
    "podSpecOverrides": frozenset({"volumeMounts"}),
    "podTemplateOverrides": frozenset({"volumeMounts"}),
    "runtimePatches": frozenset({"volumeMounts", "securityContext"}),
}
_TRAINER = frozenset({"name", "image", "command", "args", "env", "resources"})
"""Of the training container, what a TrainJob has fields of its own for."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """A pod template in three parts: the training container's own fields, what is overridden, and the rest."""

    trainer: Mapping[str, Any]
    metadata: Mapping[str, Any]
    pod: Mapping[str, Any]
    rest: Mapping[str, Any]


def split(template: Mapping[str, Any], field: str) -> Split:
    """Divide a template for this override field. The rest is a template too; it can only come from a runtime."""
    pod, metadata = template["spec"], template["metadata"]
    node = next(c for c in pod["containers"] if c["name"] == NODE)
    others = [c for c in pod["containers"] if c["name"] != NODE]
    container = {k: v for k, v in node.items() if k in _CONTAINER[field]}
    kept = {k: v for k, v in node.items() if k not in _CONTAINER[field] | _TRAINER}
    overridden = {k: v for k, v in pod.items() if k in _POD[field]} | {"containers": [{"name": NODE, **container}]}
    left = {k: v for k, v in pod.items() if k not in _POD[field]} | {"containers": [{"name": NODE, **kept}, *others]}
    static = {k: v for k, v in metadata.items() if k == "annotations"}  # labels name the job, a runtime serves many
    return Split(
        trainer={k: v for k, v in node.items() if k in _TRAINER},
        metadata={} if field == "podSpecOverrides" else metadata,
        pod=overridden,
        rest={"metadata": static, "spec": left},
    )


def override_of(parts: Split, field: str) -> dict[str, Any]:
    """The field of the TrainJob's ``spec``."""
    pod = {"metadata": parts.metadata, "spec": parts.pod}
    match field:
        case "podSpecOverrides":
            entry: dict[str, Any] = {"targetJobs": [{"name": NODE}], **parts.pod}
        case "podTemplateOverrides":
            entry = {"targetJobs": [{"name": NODE}], **pod}
        case _:
            job = {"name": NODE, "template": {"spec": {"template": pod}}}
            entry = {"manager": MANAGER, "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [job]}}}}
    return {field: [entry]}
