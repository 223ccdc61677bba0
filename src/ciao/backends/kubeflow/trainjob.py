"""TrainJob: the nodes of one, and the runtime that it refers to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ciao.backends.kubeflow.bases import no_image
from ciao.backends.kubeflow.kinds import CLUSTER_RUNTIMES, RUNTIMES, Runtime
from ciao.backends.kubeflow.overrides import Split, override_of, split
from ciao.backends.kubeflow.patching import patched
from ciao.backends.kubeflow.pods import Pods, check_image, environment
from ciao.backends.kubeflow.runtimes import NODE, own_runtime
from ciao.backends.kubeflow.v1 import BACKSTOP
from ciao.backends.kubeflow.variables import rules, train_topology
from ciao.errors import CreateRefused, did_you_mean
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.base import Manifest
from ciao.k8s.discovery import OVERRIDES, TRAINER
from ciao.model import JobSpec

__all__ = ["train_spec"]


def train_spec(pods: Pods) -> tuple[Manifest, Manifest | None]:
    """The ``spec`` of the job, and the runtime of our own that it refers to, if it does."""
    spec, field = pods.spec, pods.place.served.override or OVERRIDES[0]
    plain = _template(pods)
    template = plain
    for patch in (spec.patch, spec.roles[0].patch):
        template = patched(template, patch, container=NODE)
    check_image(pods, spec.roles[0], template)
    parts = split(template, field)
    reference, runtime = _runtime(pods, parts, untouched=split(plain, field))
    return {
        "runtimeRef": reference,
        "trainer": _trainer(spec, parts.trainer),
        **override_of(parts, field),
        **_limits(spec, field),
    }, runtime


def _template(pods: Pods) -> Manifest:
    """A pod as any other kind would have it."""
    spec, role = pods.spec, pods.spec.roles[0]
    told = rules(FRAMEWORKS[spec.framework], train_topology(spec, pods.job.name))
    container = {"command": pods.run(), "env": environment(pods, None, rules=told)}
    return pods.template(role, container)


def _trainer(spec: JobSpec, container: Mapping[str, Any]) -> dict[str, Any]:
    names = {"image": "image", "command": "command", "args": "args", "env": "env", "resources": "resourcesPerNode"}
    given = {theirs: container[ours] for ours, theirs in names.items() if ours in container}
    return {"numNodes": sum(role.count for role in spec.roles), **given}


def _limits(spec: JobSpec, field: str) -> dict[str, Any]:
    """Only Trainer 2.2 and later have a deadline."""
    limits: dict[str, Any] = {"suspend": True} if spec.queue else {}
    if spec.timeout is not None and field == OVERRIDES[0]:
        limits["activeDeadlineSeconds"] = math.ceil(spec.timeout) + BACKSTOP
    return limits


def _runtime(pods: Pods, parts: Split, *, untouched: Split) -> tuple[dict[str, str], Manifest | None]:
    """What the job refers to: the runtime that was asked for, else ours, else the one that Trainer ships."""
    spec, place = pods.spec, pods.place
    if spec.runtime is None and place.own_runtimes:
        if "image" not in parts.trainer:
            raise no_image(spec.framework)
        own = own_runtime(parts.rest, namespace=place.namespace, retries=spec.retries)
        return _reference(own["metadata"]["name"], RUNTIMES.kind), own
    runtime = _known(pods)
    _check_fixed(spec, runtime, asked=parts.rest != untouched.rest)
    if "imagePullSecrets" in parts.rest["spec"]:
        raise CreateRefused(
            f"the runtime {runtime.name} does not let a job say with which Secrets its images are pulled",
            hint="Give them to the namespace's service account instead of s2i.pullSecrets, or update Kubeflow Trainer",
        )
    return _reference(runtime.name, (RUNTIMES if runtime.namespaced else CLUSTER_RUNTIMES).kind), None


def _known(pods: Pods) -> Runtime:
    runtimes = pods.place.served.runtimes
    name = pods.spec.runtime or FRAMEWORKS[pods.spec.framework].runtime or ""
    found = next((runtime for runtime in runtimes if runtime.name == name), None)
    if found is None and runtimes:
        names = sorted(runtime.name for runtime in runtimes)
        hint = f"There are {', '.join(names)}" + did_you_mean(name, names, before=". ")
        raise CreateRefused(f"the cluster has no training runtime {name}", hint=hint)
    return found or Runtime(name=name)


def _check_fixed(spec: JobSpec, runtime: Runtime, *, asked: bool) -> None:
    """A runtime that is not ours says itself how often it is run again, and most of its pods."""
    way_out = f"or use %kind={FRAMEWORKS[spec.framework].operator.kind}"
    if spec.retries:
        raise CreateRefused(
            f"the runtime {runtime.name} decides how often a failed job is run again",
            hint=f"Remove %retries=, {way_out}",
        )
    if asked:
        raise CreateRefused(
            f"the runtime {runtime.name} does not let a job change what the patch states",
            hint=f"Remove that from %patch=, {way_out}",
        )
    if spec.priority:
        raise CreateRefused(
            f"the runtime {runtime.name} decides on the priority of its pods", hint=f"Remove %priority=, {way_out}"
        )


def _reference(name: str, kind: str) -> dict[str, str]:
    return {"apiGroup": TRAINER, "kind": kind, "name": name}
