"""PyTorch: torch.distributed over TCP."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks.base import Framework, Topology
from ciao.model import Replica, Role

__all__ = ["PYTORCH"]


def _variables(topology: Topology, replica: Replica) -> Mapping[str, str]:
    """What PyTorchJob and TrainJob set, and what torchrun gives to one process a node.

    Rank 0 is the master if there is one, else worker-0, whose port serves the rendezvous.
    """
    replicas = topology.replicas
    first = topology.addresses[replicas[0]]
    rank, size = str(replicas.index(replica)), str(len(replicas))
    return {
        "MASTER_ADDR": first.host,
        "MASTER_PORT": str(first.port),
        "WORLD_SIZE": size,
        "RANK": rank,
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "GROUP_RANK": rank,
        "GROUP_WORLD_SIZE": size,
        "ROLE_RANK": rank,
        "ROLE_WORLD_SIZE": size,
        "PET_MASTER_ADDR": first.host,
        "PET_MASTER_PORT": str(first.port),
        "PET_NNODES": size,
        "PET_NODE_RANK": rank,
        "PET_NPROC_PER_NODE": "1",
    }


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The master; without one, all workers."""
    return tuple(r for r in replicas if r.role is Role.MASTER) or replicas


PYTORCH = Framework(
    name="pytorch",
    title="PyTorch",
    roles=(Role.MASTER, Role.WORKER),
    default_role=Role.MASTER,
    single=frozenset({Role.MASTER}),
    port=23456,
    variables=_variables,
    decisive=_decisive,
)
