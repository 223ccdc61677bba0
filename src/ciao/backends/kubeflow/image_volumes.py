"""Whether a cluster has image volumes. One that has not drops them from a pod, and says nothing."""

from __future__ import annotations

import secrets
from typing import Any

from ciao.backends.kubeflow.carrying import VOLUME
from ciao.errors import CreateRefused
from ciao.k8s.base import PODS, Api
from ciao.k8s.errors import ApiError

__all__ = ["keeps_image_volumes", "no_image_volumes"]

UNTOLD = (400, 403, 422)
"""Who may create no pod here, not even as a trial, or whose namespace takes no such one, does not get to know."""


async def keeps_image_volumes(api: Api, *, namespace: str) -> bool | None:
    """By a dry run, which creates nothing; None if that is refused for another reason."""
    path = PODS.path(namespace=namespace)
    try:
        answer = await api.request("POST", path, body=_trial(namespace), params={"dryRun": "All"})
    except ApiError as error:
        if error.code in UNTOLD:
            return None
        raise
    return any("image" in volume for volume in (answer.get("spec") or {}).get("volumes") or ())


def no_image_volumes(context: str) -> CreateRefused:
    """In words, with the other ways."""
    return CreateRefused(
        f"the cluster {context} has no image volumes: it would run the pods without the code",
        hint=(
            "Use %s2i=append or %s2i=configmap. Kubernetes 1.35 and later have them, earlier ones by the feature gate "
            "ImageVolume of the API server and of every kubelet"
        ),
    )


def _trial(namespace: str) -> dict[str, Any]:
    """A pod that passes ``restricted``."""
    volume = {"name": VOLUME, "image": {"reference": "none", "pullPolicy": "Never"}}
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    mount = {"name": VOLUME, "mountPath": "/ciao/code", "readOnly": True}
    container = {"name": "trial", "image": "none", "securityContext": closed, "volumeMounts": [mount]}
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"ciao-trial-{secrets.token_hex(3)}", "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "restartPolicy": "Never",
            "securityContext": security,
            "volumes": [volume],
        },
    }
