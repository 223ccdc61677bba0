"""Ciao's own training runtimes: those that Trainer ships restart a failing node for six minutes, then lose its log.

One plain runtime serves every framework. Without an ``mlPolicy`` of a framework's own, Trainer sets no variable and
reserves none, so the runner gives the same ones as everywhere. No TTL: it would make Trainer run a failed job again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ciao.backends.kubeflow.kinds import RUNTIMES
from ciao.backends.kubeflow.labels import MANAGED
from ciao.k8s.base import Manifest
from ciao.k8s.discovery import TRAINER

__all__ = ["own_runtime"]

NODE = "node"


def own_runtime(pod: Mapping[str, Any], *, namespace: str, retries: int) -> Manifest:
    """A runtime with this pod template. Its name has a hash of its content: it is made once and never changed."""
    template = {**pod, "spec": {**pod["spec"], "restartPolicy": "Never"}}
    node = {
        "name": NODE,
        "template": {
            "metadata": {"labels": {f"{TRAINER}/trainjob-ancestor-step": "trainer"}},
            "spec": {"backoffLimit": 0, "template": template},
        },
    }
    spec = {
        "mlPolicy": {"numNodes": 1},
        "template": {"spec": {"failurePolicy": {"maxRestarts": retries}, "replicatedJobs": [node]}},
    }
    content = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return {
        "apiVersion": RUNTIMES.api_version,
        "kind": RUNTIMES.kind,
        "metadata": {"name": f"ciao-{content[:12]}", "namespace": namespace, "labels": {MANAGED: "ciao"}},
        "spec": spec,
    }
