"""What a pod says of its replica: which one it is, which container runs the cell, where that stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ciao.k8s.base import Manifest

__all__ = ["Container", "container_of", "forsaken", "index_of", "moment", "replica_of"]

REPLICA_TYPE, REPLICA_INDEX = "training.kubeflow.org/replica-type", "training.kubeflow.org/replica-index"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
REPLICATED_JOB = "jobset.sigs.k8s.io/replicatedjob-name"


@dataclass(frozen=True, kw_only=True)
class Container:
    """The container that runs the cell, as its pod's status tells it.

    ``waiting``, ``running`` and ``terminated`` are the parts of its state, of which at most one is there; ``last`` is
    how its instance before the last restart ended.
    """

    name: str
    restarts: int = 0
    waiting: Manifest | None = None
    running: Manifest | None = None
    terminated: Manifest | None = None
    last: Manifest | None = None

    @property
    def began(self) -> bool:
        """It has, or had, a log."""
        return self.running is not None or self.terminated is not None


def replica_of(pod: Manifest, ranked: Sequence[str]) -> str | None:
    """The name of the pod's replica; None for a pod that is none of ours.

    Training Operator v1 labels its pods with role and index. Those of a TrainJob only have a number, which counts
    through ``ranked``, the job's replicas in the order of their ranks.
    """
    labels = _labels(pod)
    if role := labels.get(REPLICA_TYPE):
        name = f"{role}-{labels.get(REPLICA_INDEX, '0')}"  # a launcher has no index
        return name if name in ranked else None
    index = index_of(pod)
    if labels.get(REPLICATED_JOB) == "launcher":
        index = 0
    return ranked[index] if index is not None and index < len(ranked) else None


def index_of(pod: Manifest) -> int | None:
    """The number of a TrainJob's pod."""
    text = _labels(pod).get(COMPLETION_INDEX) or _metadata(pod).get("annotations", {}).get(COMPLETION_INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


def container_of(pod: Manifest) -> Container:
    """The container that runs the cell: the one that was given the job's name, else the first."""
    containers = pod.get("spec", {}).get("containers") or [{"name": ""}]
    name = next((one["name"] for one in containers if _runs_the_cell(one)), containers[0]["name"])
    statuses = pod.get("status", {}).get("containerStatuses") or []
    status: Manifest = next((one for one in statuses if one.get("name") == name), {})
    state = status.get("state") or {}
    return Container(
        name=name,
        restarts=int(status.get("restartCount") or 0),
        waiting=state.get("waiting"),
        running=state.get("running"),
        terminated=state.get("terminated"),
        last=(status.get("lastState") or {}).get("terminated"),
    )


def forsaken(pod: Manifest) -> bool:
    """Its node does not answer: then the cluster takes back that the pod is ready, and leaves its containers so."""
    conditions = {one.get("type"): one.get("status") for one in pod.get("status", {}).get("conditions") or []}
    runs = container_of(pod).running is not None
    return runs and conditions.get("ContainersReady") == "True" and conditions.get("Ready") == "False"


def moment(text: object, *, otherwise: float) -> float:
    """Seconds since the epoch of Kubernetes' ``2026-11-23T05:31:20Z``, with or without a fraction."""
    if not isinstance(text, str) or len(text) < len("2026-11-23T05:31:20"):
        return otherwise
    try:
        whole = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()  # strptime takes fifty times as long
        fraction = text[19:].rstrip("Z")
        return whole + (float(f"0{fraction}") if fraction.startswith(".") else 0.0)
    except ValueError:
        return otherwise


def _runs_the_cell(container: Manifest) -> bool:
    return any(variable.get("name") == "CIAO_JOB" for variable in container.get("env") or [])


def _labels(pod: Manifest) -> dict[str, str]:
    labels: dict[str, str] = _metadata(pod).get("labels") or {}
    return labels


def _metadata(pod: Manifest) -> dict[str, Any]:
    metadata: dict[str, Any] = pod.get("metadata") or {}
    return metadata
