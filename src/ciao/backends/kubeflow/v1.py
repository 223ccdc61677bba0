"""The kinds of the Training Operator: TFJob, PyTorchJob, JAXJob, XGBoostJob, PaddleJob; MPIJob is in mpi.py."""

from __future__ import annotations

import math
from typing import Any

from ciao.backends.kubeflow.kinds import Kind
from ciao.backends.kubeflow.patching import patched
from ciao.backends.kubeflow.pods import Pods, check_image, environment
from ciao.backends.kubeflow.variables import rules, v1_topology
from ciao.frameworks import FRAMEWORKS, Operator
from ciao.k8s.base import Manifest
from ciao.model import CleanPolicy, JobSpec, RoleSpec

__all__ = ["BACKSTOP", "replica", "run_policy", "v1_spec"]

BACKSTOP = 60
"""Seconds after the timeout at which the cluster ends what nobody else has ended."""


def v1_spec(pods: Pods, operator: Operator) -> Manifest:
    """The ``spec`` of the job."""
    spec = pods.spec
    framework = FRAMEWORKS[spec.framework]
    told = "" if operator.complete or spec.elastic else rules(framework, v1_topology(spec, pods.job.name))
    program = ("python3", *framework.elastic.words) if spec.elastic and framework.elastic else ()
    roles = {operator.types[role.role]: replica(pods, role, told=told, words=program) for role in spec.roles}
    return {"runPolicy": run_policy(spec), **_torch(pods.kind, spec), operator.replicas: roles}


def replica(pods: Pods, role: RoleSpec, *, told: str, words: tuple[str, ...]) -> dict[str, Any]:
    """All replicas of a role. A restart is ours to decide, for all together: pods never restart by themselves.

    But for those of an elastic job that were killed: the operator makes another pod for one that ended by a signal.
    """
    container = {"command": pods.run(*words), "env": environment(pods, role, rules=told)}
    return finished(pods, role, pods.template(role, container))


def finished(pods: Pods, role: RoleSpec, template: Manifest) -> dict[str, Any]:
    """With the patches merged into the template: the job's, then the role's.

    A deadline is on the pods too: the operator looks at its own only when something else happens to the job.
    """
    if pods.spec.timeout is not None:
        deadline = math.ceil(pods.spec.timeout) + BACKSTOP
        template = {**template, "spec": {**template["spec"], "activeDeadlineSeconds": deadline}}
    for patch in (pods.spec.patch, role.patch):
        template = patched(template, patch, container=pods.kind.container)
    check_image(pods, role, template)
    return {"replicas": role.count, "restartPolicy": "ExitCode" if pods.spec.elastic else "Never", "template": template}


def run_policy(spec: JobSpec) -> dict[str, Any]:
    """``all`` goes as Running: the pods are deleted by us, after their logs are read."""
    policy: dict[str, Any] = {"cleanPodPolicy": "None" if spec.clean_policy is CleanPolicy.NONE else "Running"}
    if spec.timeout is not None:
        policy["activeDeadlineSeconds"] = math.ceil(spec.timeout) + BACKSTOP
    if spec.ttl is not None:
        policy["ttlSecondsAfterFinished"] = math.ceil(spec.ttl)
    if spec.queue:
        policy["suspend"] = True
    return policy


def _torch(kind: Kind, spec: JobSpec) -> dict[str, Any]:
    if kind.name != "PyTorchJob":
        return {}
    processes = spec.nproc or 1 if spec.elastic else 1  # else the runner starts them, and counts replicas by WORLD_SIZE
    fields: dict[str, Any] = {"nprocPerNode": str(processes)}
    if spec.elastic:
        fields["elasticPolicy"] = {
            "minReplicas": spec.elastic.least,
            "maxReplicas": spec.elastic.most,
            "rdzvBackend": "c10d",
            "maxRestarts": spec.elastic.most - spec.elastic.least,  # each loss costs each of the others one
        }
    return fields
