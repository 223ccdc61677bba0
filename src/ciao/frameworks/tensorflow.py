"""TensorFlow: TF_CONFIG."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ciao.frameworks.base import Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["TENSORFLOW"]


def _own(topology: Topology, replica: Replica) -> Mapping[str, str]:
    """The operator's TF_CONFIG. A job of one replica gets none: TensorFlow then trains alone.

    The operator calls a master ``chief``, as TensorFlow does, so that is what TF_CONFIG says.
    """
    if len(topology.replicas) == 1:
        return {}
    cluster: dict[str, list[str]] = {}
    for r in topology.replicas:
        cluster.setdefault(_task_type(r.role), []).append(str(topology.addresses[r]))
    task = {"type": _task_type(replica.role), "index": replica.index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task, "environment": "cloud"})}


def _task_type(role: Role) -> str:
    return Role.CHIEF.value if role is Role.MASTER else role.value


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The chief (or master); without one, worker-0. Parameter servers and evaluators never end by themselves."""
    chiefs = tuple(r for r in replicas if r.role in (Role.CHIEF, Role.MASTER))
    first = Replica(Role.WORKER, 0)
    return chiefs or ((first,) if first in replicas else replicas)


def _endless(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """Parameter servers and evaluators; beside a chief and parameter servers workers too, as they serve the chief."""
    roles = {r.role for r in replicas}
    serving = {Role.WORKER} if Role.PS in roles and roles & {Role.CHIEF, Role.MASTER} else set()
    return tuple(r for r in replicas if r.role in {Role.PS, Role.EVALUATOR, *serving})


TENSORFLOW = Framework(
    name="tensorflow",
    title="TensorFlow",
    roles=(Role.CHIEF, Role.MASTER, Role.WORKER, Role.PS, Role.EVALUATOR),
    default_role=Role.WORKER,
    single=frozenset({Role.CHIEF, Role.MASTER, Role.EVALUATOR}),
    port=2222,
    own=_own,
    decisive=_decisive,
    endless=_endless,
    operator=Operator(
        kind="TFJob",
        plural="tfjobs",
        replicas="tfReplicaSpecs",
        container="tensorflow",
        types={
            Role.CHIEF: "Chief",
            Role.MASTER: "Master",
            Role.WORKER: "Worker",
            Role.PS: "PS",
            Role.EVALUATOR: "Evaluator",
        },
        complete=True,
    ),
)
