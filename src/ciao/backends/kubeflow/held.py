"""Why a job as a whole is held back: suspended, by hand or by Kueue. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ciao.backends.kubeflow.labels import QUEUE
from ciao.backends.kubeflow.waiting import Waiting
from ciao.k8s.base import Manifest

__all__ = ["condition", "held", "suspended"]

_ADMITTED = ("Admitted", "QuotaReserved", "Started")
"""Reasons of events that say that the wait is over."""


def suspended(job: Manifest) -> bool:
    """The job is not to run now: TrainJob and v1 kinds say it in different places."""
    spec = job.get("spec") or {}
    return spec.get("suspend") is True or (spec.get("runPolicy") or {}).get("suspend") is True


def held(job: Manifest, events: Sequence[Manifest]) -> Waiting | None:
    """Why a suspended job waits; ``events`` are those of the job and its Workload, oldest first."""
    if not suspended(job):
        return None
    queue = ((job.get("metadata") or {}).get("labels") or {}).get(QUEUE)
    if not queue:
        return Waiting(code="Suspended", words="the job is suspended", fix="Somebody must resume it, or cancel it")
    said = _said(events)
    words = f"it waits in the queue {queue}" + (f": {said}" if said else "")
    return Waiting(code="Queued", words=words)


def condition(job: Manifest, kind: str) -> Manifest | None:
    """The job's condition of this type if it is True."""
    for one in (job.get("status") or {}).get("conditions") or []:
        if one.get("type") == kind and one.get("status") == "True":
            found: dict[str, Any] = one
            return found
    return None


def _said(events: Sequence[Manifest]) -> str:
    """Kueue's last words on the wait."""
    for event in reversed(events):
        if (event.get("involvedObject") or {}).get("kind") == "Workload":
            if event.get("reason") in _ADMITTED:
                return ""
            return " ".join(str(event.get("message") or "").split())[:300]
        if event.get("reason") == "Stopped":
            return " ".join(str(event.get("message") or "").split())[:300]
    return ""
