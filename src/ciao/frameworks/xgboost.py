"""XGBoost: the tracker runs in the master, or in worker-0."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks.base import Framework, Topology
from ciao.model import Replica, Role

__all__ = ["XGBOOST"]


def _variables(topology: Topology, replica: Replica) -> Mapping[str, str]:
    """XGBoostJob's names (MASTER_*, WORKER_*) and TrainJob's (DMLC_*)."""
    replicas = topology.replicas
    first = topology.addresses[replicas[0]]
    workers = [topology.addresses[r] for r in replicas if r.role is Role.WORKER]
    shared = {
        "MASTER_ADDR": first.host,
        "MASTER_PORT": str(first.port),
        "WORLD_SIZE": str(len(replicas)),
        "RANK": str(replicas.index(replica)),
        "DMLC_TRACKER_URI": first.host,
        "DMLC_TRACKER_PORT": str(first.port),
        "DMLC_TASK_ID": str(replicas.index(replica)),
        "DMLC_NUM_WORKER": str(len(replicas)),
    }
    if len(replicas) == 1 or not workers:
        return shared
    return shared | {"WORKER_PORT": str(workers[0].port), "WORKER_ADDRS": ",".join(w.host for w in workers)}


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The master; without one, all workers."""
    return tuple(r for r in replicas if r.role is Role.MASTER) or replicas


XGBOOST = Framework(
    name="xgboost",
    title="XGBoost",
    roles=(Role.MASTER, Role.WORKER),
    default_role=Role.MASTER,
    single=frozenset({Role.MASTER}),
    port=9999,
    variables=_variables,
    decisive=_decisive,
)
