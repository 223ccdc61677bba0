"""MPIJob: mpirun in the launcher starts every rank in a worker, through the operator's own ``kubectl exec``."""

from __future__ import annotations

from typing import Any

from ciao.backends.kubeflow.bases import LAUNCHER
from ciao.backends.kubeflow.pods import Pods, environment
from ciao.backends.kubeflow.v1 import finished, run_policy
from ciao.errors import CreateRefused
from ciao.k8s.base import Manifest
from ciao.model import Role, RoleSpec

__all__ = ["mpi_spec"]

WAIT = "trap 'exit 143' TERM; sleep 365d & wait"
"""What a worker does. The operator's own ``sleep`` would not hear SIGTERM as process 1."""


def mpi_spec(pods: Pods) -> Manifest:
    """The ``spec`` of the job. Raises CreateRefused without a worker: every rank runs in one."""
    roles = {role.role: role for role in pods.spec.roles}
    if Role.WORKER not in roles:
        raise CreateRefused("an MPIJob runs its ranks in workers, and there is none", hint="Write %worker=2")
    slots = pods.spec.nproc or 1
    return {
        "runPolicy": run_policy(pods.spec),
        "slotsPerWorker": slots,
        "mpiReplicaSpecs": {
            "Launcher": _launcher(pods, roles.get(Role.LAUNCHER, LAUNCHER), ranks=roles[Role.WORKER].count * slots),
            "Worker": _worker(pods, roles[Role.WORKER]),
        },
    }


def _launcher(pods: Pods, role: RoleSpec, *, ranks: int) -> dict[str, Any]:
    """The runner around mpirun; mpirun around the runner's part that runs the cell, once a rank."""
    container = {"command": _mpirun(pods, ranks), "env": environment(pods, role, rules="", index=False)}
    template = pods.template(role, container)
    template["spec"]["automountServiceAccountToken"] = True  # its kubectl talks to the API
    return finished(pods, role, template)


def _mpirun(pods: Pods, ranks: int) -> list[str]:
    return pods.run("mpirun", "-n", str(ranks))


def _worker(pods: Pods, role: RoleSpec) -> dict[str, Any]:
    container = {"command": ["sh", "-c", WAIT], "env": environment(pods, role, rules="")}
    return finished(pods, role, pods.template(role, container))
