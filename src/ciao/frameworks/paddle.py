"""PaddlePaddle: paddle.distributed.launch and its rendezvous at the first replica."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks.base import Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["PADDLE"]


def _shared(topology: Topology) -> Mapping[str, str]:
    """PaddleJob's names, and what ``paddle.distributed.launch`` gives to one process a node."""
    size = str(len(topology.addresses))
    return {
        "PADDLE_JOB_ID": topology.job,
        "PADDLE_NNODES": size,
        "PADDLE_MASTER": str(topology.first),
        "PADDLE_TRAINERS_NUM": size,
        "PADDLE_TRAINER_ENDPOINTS": ",".join(map(str, topology.addresses.values())),
        "PADDLE_GLOBAL_SIZE": size,
        "PADDLE_LOCAL_RANK": "0",
        "PADDLE_LOCAL_SIZE": "1",
        "PADDLE_RANK_IN_NODE": "0",
    }


def _own(topology: Topology, replica: Replica) -> Mapping[str, str]:
    own = {
        "PADDLE_TRAINER_ID": str(topology.rank(replica)),
        "PADDLE_GLOBAL_RANK": str(topology.rank(replica)),
        "PADDLE_CURRENT_ENDPOINT": str(topology.addresses[replica]),
    }
    if next(iter(topology.addresses)).role is not Role.MASTER:
        return own
    return own | {"PADDLE_SERVER_NUM" if replica.role is Role.MASTER else "PADDLE_TRAINER_NUM": "1"}


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """As PyTorchJob: the master; without one, all workers."""
    return tuple(r for r in replicas if r.role is Role.MASTER) or replicas


PADDLE = Framework(
    name="paddle",
    title="PaddlePaddle",
    roles=(Role.MASTER, Role.WORKER),
    default_role=Role.WORKER,
    single=frozenset({Role.MASTER}),
    port=36543,
    shared=_shared,
    own=_own,
    on_cpu=MappingProxyType({"PADDLE_DISTRI_BACKEND": "gloo"}),  # its launcher sets it too; else nothing is initialised
    decisive=_decisive,
    operator=Operator(
        kind="PaddleJob",
        plural="paddlejobs",
        replicas="paddleReplicaSpecs",
        container="paddle",
        types={Role.MASTER: "Master", Role.WORKER: "Worker"},
    ),
)
