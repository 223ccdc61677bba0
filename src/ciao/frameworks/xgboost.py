"""XGBoost: the tracker runs in the master, or in worker-0."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks.base import Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["XGBOOST"]


def _shared(topology: Topology) -> Mapping[str, str]:
    """XGBoostJob's names (MASTER_*, WORKER_*) and TrainJob's (DMLC_*)."""
    first, size = topology.first, str(len(topology.addresses))
    shared = {
        "MASTER_ADDR": first.host,
        "MASTER_PORT": str(first.port),
        "WORLD_SIZE": size,
        "DMLC_TRACKER_URI": first.host,
        "DMLC_TRACKER_PORT": str(first.port),
        "DMLC_NUM_WORKER": size,
    }
    workers = [address for r, address in topology.addresses.items() if r.role is Role.WORKER]
    if len(topology.addresses) == 1 or not workers:
        return shared
    return shared | {"WORKER_PORT": str(workers[0].port), "WORKER_ADDRS": ",".join(w.host for w in workers)}


def _own(topology: Topology, replica: Replica) -> Mapping[str, str]:
    rank = str(topology.rank(replica))
    return {"RANK": rank, "DMLC_TASK_ID": rank}


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
    shared=_shared,
    own=_own,
    decisive=_decisive,
    operator=Operator(
        kind="XGBoostJob",
        plural="xgboostjobs",
        replicas="xgbReplicaSpecs",
        container="xgboost",
        types={Role.MASTER: "Master", Role.WORKER: "Worker"},
        leader=Role.MASTER,
    ),
    ranks=MappingProxyType({"RANK": "WORLD_SIZE", "DMLC_TASK_ID": "DMLC_NUM_WORKER"}),
    runtime="xgboost-distributed",
)
