"""What is written on all that Ciao creates, and read back from there: whose job it is, and what it is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ciao.backends.kubeflow.carrying import Carrier, images_of, strategy_of
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.base import Manifest
from ciao.model import Cell, CleanPolicy, Files, Job, JobSpec, Role, RoleSpec

__all__ = [
    "ATTEMPT",
    "JOB",
    "MANAGED",
    "OURS",
    "PREFIX",
    "QUEUE",
    "USER",
    "annotations_of",
    "attempt_of",
    "brought_by",
    "carried_marks",
    "images_in",
    "job_of",
    "labels",
    "spec_of",
]

PREFIX = "ciao/"
JOB = f"{PREFIX}job"
FRAMEWORK = f"{PREFIX}framework"
USER = f"{PREFIX}user"
ATTEMPT = f"{PREFIX}attempt"
IMAGES = f"{PREFIX}images"
STRATEGY, PACKAGES = f"{PREFIX}s2i", f"{PREFIX}packages"
MANAGED = "app.kubernetes.io/managed-by"
OURS = f"{MANAGED}=ciao"
"""Selects everything that Ciao created."""

QUEUE = "kueue.x-k8s.io/queue-name"
"""On a job, not on its pods: the LocalQueue of Kueue in which it waits."""

MAX_TEXT = 1000
MAX_REPLICAS = 100_000

_VALUE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)


def labels(job: Job) -> dict[str, str]:
    """On the job, its pods and its ConfigMap."""
    return {MANAGED: "ciao", JOB: label_value(job.name), FRAMEWORK: label_value(job.framework)}


def annotations_of(spec: JobSpec, job: Job, *, user: str, attempt: int) -> dict[str, str]:
    """On the job: for people, and all that is needed to find it again from another kernel."""
    said = {
        USER: user,
        f"{PREFIX}cell": job.cell,
        f"{PREFIX}notebook": job.notebook,
        f"{PREFIX}code-hash": job.code_hash,
        f"{PREFIX}created": repr(job.created),
        f"{PREFIX}spec": json.dumps(_essentials(spec), separators=(",", ":")),
        ATTEMPT: str(attempt),
    }
    return {key: text for key, text in said.items() if text}


def carried_marks(bundle: Carrier) -> dict[str, str]:
    """On the job: how its code was brought, and by which images, which must not be removed while it lives."""
    said = {STRATEGY: strategy_of(bundle), IMAGES: " ".join(images_of(bundle))}
    if not isinstance(bundle, Files):
        said[PACKAGES] = bundle.packages
    return {key: text for key, text in said.items() if text}


def images_in(manifest: Manifest) -> tuple[str, ...]:
    """The images that carry this job's code, as the nodes name them; none if a ConfigMap does."""
    return tuple(_annotations(manifest).get(IMAGES, "").split())


def brought_by(manifest: Manifest) -> tuple[str, str]:
    """The strategy that brought this job's code, and the key of the packages beside it; empty where not known."""
    said = _annotations(manifest)
    return said.get(STRATEGY, "")[:MAX_TEXT], said.get(PACKAGES, "")[:MAX_TEXT]


def label_value(text: str) -> str:
    """The text as a valid value of a label; empty if nothing of it can stay."""
    kept = re.sub(r"[^-A-Za-z0-9_.]", "-", text)[:63].strip("-_.")
    return kept if _VALUE.fullmatch(kept) else ""


def job_of(manifest: Manifest) -> Job | None:
    """The job that this object is; None if it is not ours, or damaged: anybody may have written it."""
    spec = spec_of(manifest)
    metadata = manifest.get("metadata")
    if spec is None or not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        return None
    said = _strings(metadata.get("annotations"))
    return Job(
        name=metadata["name"],
        backend="kubeflow",
        framework=spec.framework,
        replicas=tuple(map(str, spec.replicas)),
        created=_seconds(said.get(f"{PREFIX}created", "")) or 0.0,
        cell=said.get(f"{PREFIX}cell", "")[:MAX_TEXT],
        notebook=said.get(f"{PREFIX}notebook", "")[:MAX_TEXT],
        code_hash=said.get(f"{PREFIX}code-hash", "")[:64],
    )


def spec_of(manifest: Manifest) -> JobSpec | None:
    """The essentials of what was asked for: framework, roles, clean policy, timeout, retries. Without the code."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping) or _strings(metadata.get("labels")).get(MANAGED) != "ciao":
        return None
    framework = _strings(metadata.get("labels")).get(FRAMEWORK, "")
    try:
        told = json.loads(_strings(metadata.get("annotations")).get(f"{PREFIX}spec", ""))
        roles = tuple(RoleSpec(role=Role(role), count=int(count)) for role, count in told["roles"].items())
        policy, retries = CleanPolicy(told.get("clean", "running")), int(told.get("retries", 0))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    if framework not in FRAMEWORKS or not roles or not all(r.role in FRAMEWORKS[framework].roles for r in roles):
        return None
    if any(r.count < 1 for r in roles) or sum(r.count for r in roles) > MAX_REPLICAS or not 0 <= retries < MAX_REPLICAS:
        return None
    return JobSpec(
        cell=Cell(text=""),
        code="",
        framework=framework,
        roles=roles,
        backend="kubeflow",
        clean_policy=policy,
        timeout=_seconds(told.get("timeout")),
        retries=retries,
    )


def attempt_of(manifest: Manifest) -> int:
    """The number of the attempt, from 1."""
    text = _annotations(manifest).get(ATTEMPT, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0 else 1


def _essentials(spec: JobSpec) -> dict[str, Any]:
    told: dict[str, Any] = {"v": 1, "roles": {role.role.value: role.count for role in spec.roles}}
    told |= {"clean": spec.clean_policy.value, "retries": spec.retries}
    return told if spec.timeout is None else told | {"timeout": spec.timeout}


def _annotations(manifest: Manifest) -> Mapping[str, str]:
    metadata = manifest.get("metadata")
    return _strings(metadata.get("annotations")) if isinstance(metadata, Mapping) else {}


def _strings(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, str)}


def _seconds(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**36 else None
