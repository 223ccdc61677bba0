"""MPI: mpirun in the launcher starts every rank in the workers."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks.base import Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["MPI"]


def _own(_topology: Topology, _replica: Replica) -> Mapping[str, str]:
    """None: mpirun tells each rank, by variables of its own."""
    return {}


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The launcher: its workers only wait for what it starts in them."""
    return tuple(r for r in replicas if r.role is Role.LAUNCHER)


def _endless(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    return tuple(r for r in replicas if r.role is Role.WORKER)


MPI = Framework(
    name="mpi",
    title="MPI",
    roles=(Role.LAUNCHER, Role.WORKER),
    default_role=Role.WORKER,
    single=frozenset({Role.LAUNCHER}),
    always=(Role.LAUNCHER,),
    port=9999,
    own=_own,
    decisive=_decisive,
    endless=_endless,
    operator=Operator(
        kind="MPIJob",
        plural="mpijobs",
        replicas="mpiReplicaSpecs",
        container="mpi",
        types={Role.LAUNCHER: "Launcher", Role.WORKER: "Worker"},
        complete=True,
        leader=Role.LAUNCHER,
    ),
)
