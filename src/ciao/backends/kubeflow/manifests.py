"""A spec and its bundle become the objects that are created on the cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ciao.backends.kubeflow import configmaps
from ciao.backends.kubeflow.carrying import Carrier, carrier
from ciao.backends.kubeflow.kinds import RUNTIMES, Kind, kind_of
from ciao.backends.kubeflow.labels import QUEUE, annotations_of, carried_marks, labels
from ciao.backends.kubeflow.mpi import mpi_spec
from ciao.backends.kubeflow.place import Place
from ciao.backends.kubeflow.pods import Pods
from ciao.backends.kubeflow.trainjob import train_spec
from ciao.backends.kubeflow.v1 import v1_spec
from ciao.errors import CreateRefused
from ciao.k8s.base import CONFIG_MAPS, Manifest, Resource
from ciao.model import Bundle, Files, Job, JobSpec, Role

__all__ = ["Manifests", "Place", "manifests", "owner", "restarts"]


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """All that a job needs.

    ``code`` is its ConfigMap, None if images carry the code. ``runtime`` is a training runtime of ours, which many jobs
    share and which may exist.
    """

    kind: Kind
    job: Manifest
    code: Manifest | None
    runtime: Manifest | None = None

    @property
    def in_order(self) -> tuple[tuple[Resource, Manifest], ...]:
        """As they must be created: pods start faster if their code is there, and a runtime must be."""
        runtime = ((RUNTIMES, self.runtime),) if self.runtime else ()
        code = ((CONFIG_MAPS, self.code),) if self.code else ()
        return (*runtime, *code, (self.kind.resource, self.job))


def manifests(spec: JobSpec, job: Job, bundle: Bundle, *, place: Place, attempt: int = 1) -> Manifests:
    """The objects of one attempt; those after the first have the same names, but for the ConfigMap.

    Raises CreateRefused in words for what this cluster or this kind cannot do.
    """
    bundle = carrier(bundle)
    kind = kind_of(spec, place.served)
    _check_queue(spec)
    pods = Pods(spec=spec, job=job, bundle=bundle, place=place, kind=kind, attempt=attempt)
    body, runtime = _body(pods)
    marks = {"namespace": place.namespace, "labels": labels(job)}
    said = annotations_of(spec, job, user=place.user, attempt=attempt) | carried_marks(bundle)
    queue = {QUEUE: spec.queue} if spec.queue else {}
    metadata = {**marks, "name": job.name, "labels": labels(job) | queue, "annotations": said}
    return Manifests(
        kind=kind,
        job={**_head(kind.resource), "metadata": metadata, "spec": body},
        code=_code(bundle, name=configmaps.name_of(job.name, attempt), marks=marks),
        runtime=runtime,
    )


def owner(kind: Kind, job: str, uid: str) -> Manifest:
    """The merge patch that makes a job the owner of its ConfigMap, which then goes with it.

    Without ``blockOwnerDeletion``: that needs a right which users often lack.
    """
    return {"metadata": {"ownerReferences": [{**_head(kind.resource), "name": job, "uid": uid}]}}


def restarts(spec: JobSpec, kind: Kind) -> int:
    """How often the kernel starts the group again: never where the cluster does it."""
    return 0 if kind.operator is None else spec.retries


def _body(pods: Pods) -> tuple[Manifest, Manifest | None]:
    operator = pods.kind.operator
    if operator is None:
        return train_spec(pods)
    return (mpi_spec(pods) if operator.leader is Role.LAUNCHER else v1_spec(pods, operator)), None


def _code(bundle: Carrier, *, name: str, marks: Manifest) -> Manifest | None:
    return configmaps.config_map(bundle, name=name, metadata=marks) if isinstance(bundle, Files) else None


def _head(resource: Resource) -> Mapping[str, str]:
    return {"apiVersion": resource.api_version, "kind": resource.kind}


def _check_queue(spec: JobSpec) -> None:
    """Kueue counts what is requested: a job that requests nothing would be admitted for nothing."""
    if not spec.queue:
        return
    for role in spec.roles:
        missing = [name for name in ("cpu", "memory") if getattr(role.resources, name) is None]
        if missing and role.role is not Role.LAUNCHER:
            words = " and ".join(missing)
            raise CreateRefused(
                f"a job in the queue {spec.queue} states what it needs, and {role.role} does not state {words}",
                hint=f"Add {', '.join(f'%{role.role}.{name}=...' for name in missing)}",
            )
