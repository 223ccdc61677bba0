"""PaddlePaddle: paddle.distributed.launch and its rendezvous at the first replica."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks.base import Framework, Topology
from ciao.model import Replica, Role

__all__ = ["PADDLE"]


def _variables(topology: Topology, replica: Replica) -> Mapping[str, str]:
    """PaddleJob's names, and what ``paddle.distributed.launch`` gives to one process a node."""
    replicas = topology.replicas
    rank, size = str(replicas.index(replica)), str(len(replicas))
    everyone = ",".join(str(topology.addresses[r]) for r in replicas)
    shared = {
        "PADDLE_JOB_ID": topology.job,
        "PADDLE_NNODES": size,
        "PADDLE_MASTER": str(topology.addresses[replicas[0]]),
        "PADDLE_TRAINER_ID": rank,
        "PADDLE_TRAINERS_NUM": size,
        "PADDLE_TRAINER_ENDPOINTS": everyone,
        "PADDLE_CURRENT_ENDPOINT": str(topology.addresses[replica]),
        "PADDLE_LOCAL_RANK": "0",
    }
    if replicas[0].role is not Role.MASTER:
        return shared
    return shared | {"PADDLE_SERVER_NUM" if replica.role is Role.MASTER else "PADDLE_TRAINER_NUM": "1"}


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
    variables=_variables,
    decisive=_decisive,
)
