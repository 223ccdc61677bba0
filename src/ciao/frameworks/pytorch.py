"""PyTorch: torch.distributed over TCP."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks.base import Elasticity, Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["PYTORCH"]


def _shared(topology: Topology) -> Mapping[str, str]:
    """What PyTorchJob and TrainJob set, and what torchrun gives to one process a node.

    Rank 0 is the master if there is one, else worker-0, whose port serves the rendezvous.
    """
    first, size = topology.first, str(len(topology.addresses))
    return {
        "MASTER_ADDR": first.host,
        "MASTER_PORT": str(first.port),
        "WORLD_SIZE": size,
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "GROUP_WORLD_SIZE": size,
        "ROLE_WORLD_SIZE": size,
        "PET_MASTER_ADDR": first.host,
        "PET_MASTER_PORT": str(first.port),
        "PET_NNODES": size,
        "PET_NPROC_PER_NODE": "1",
    }


def _own(topology: Topology, replica: Replica) -> Mapping[str, str]:
    return dict.fromkeys(("RANK", "GROUP_RANK", "ROLE_RANK", "PET_NODE_RANK"), str(topology.rank(replica)))


def _torchrun(topology: Topology, replica: Replica, least: int, processes: int) -> Mapping[str, str]:
    """What PyTorchJob sets for an elastic job, and what makes torchrun go on soon.

    Rank 0 alone holds the rendezvous: on one machine every torchrun would take itself for the host. Each loss of a
    replica makes the processes of the others fail, and so costs each of the others one of its restarts.
    """
    count = len(topology.addresses)
    return {
        "PET_NNODES": f"{least}:{count}",
        "PET_NPROC_PER_NODE": str(processes),
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": str(topology.first),
        "PET_RDZV_ID": topology.job,
        "PET_RDZV_CONF": f"is_host={topology.rank(replica) == 0:d},last_call_timeout=10",
        "PET_MAX_RESTARTS": str(count - least),
        "PET_MONITOR_INTERVAL": "1",
        "PET_LOCAL_ADDR": topology.addresses[replica].host,
    }


_TORCHRUN = """# torch.distributed.run, by the runner
import os, sys
path = os.path.join(os.path.dirname(sys.argv[3]), "torchrun.py")
exec(compile(open(path, "rb").read(), path, "exec"))
"""
"""torchrun, as the runner has it, beside the program that torchrun is to start: its third word."""


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
    shared=_shared,
    own=_own,
    decisive=_decisive,
    operator=Operator(
        kind="PyTorchJob",
        plural="pytorchjobs",
        replicas="pytorchReplicaSpecs",
        container="pytorch",
        types={Role.MASTER: "Master", Role.WORKER: "Worker"},
    ),
    ranks=MappingProxyType({"RANK": "WORLD_SIZE", "ROLE_RANK": "ROLE_WORLD_SIZE"}),
    elastic=Elasticity(
        words=("-c", _TORCHRUN, "--no_python"),  # the spelling that every version knows
        own=_torchrun,
        always=MappingProxyType({"PET_REDIRECTS": "9:0", "PET_TEE": "9:0"}),  # else torch 1.13 fails on Python 3.11
    ),
    runtime="torch-distributed",
)
