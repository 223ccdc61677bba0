"""JAX: jax.distributed with worker-0 as the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks.base import Framework, Operator, Topology
from ciao.model import Replica, Role

__all__ = ["JAX"]


def _shared(topology: Topology) -> Mapping[str, str]:
    """JAXJob's names and TrainJob's.

    Of all these JAX itself reads only JAX_COORDINATOR_ADDRESS, so a cell gives the numbers:
    ``jax.distributed.initialize(num_processes=int(os.environ["NUM_PROCESSES"]), process_id=...)``.
    """
    first, count = topology.first, str(len(topology.addresses))
    return {
        "COORDINATOR_ADDRESS": first.host,
        "COORDINATOR_PORT": str(first.port),
        "NUM_PROCESSES": count,
        "JAX_COORDINATOR_ADDRESS": str(first),
        "JAX_COORDINATOR_PORT": str(first.port),
        "JAX_NUM_PROCESSES": count,
    }


def _own(topology: Topology, replica: Replica) -> Mapping[str, str]:
    index = str(topology.rank(replica))
    return {"PROCESS_ID": index, "JAX_PROCESS_ID": index}


def _decisive(replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """All workers, as JAXJob counts."""
    return replicas


JAX = Framework(
    name="jax",
    title="JAX",
    roles=(Role.WORKER,),
    default_role=Role.WORKER,
    single=frozenset(),
    port=6666,
    shared=_shared,
    own=_own,
    decisive=_decisive,
    operator=Operator(
        kind="JAXJob",
        plural="jaxjobs",
        replicas="jaxReplicaSpecs",
        container="jax",
        types={Role.WORKER: "Worker"},
    ),
    ranks=MappingProxyType({"PROCESS_ID": "NUM_PROCESSES", "JAX_PROCESS_ID": "JAX_NUM_PROCESSES"}),
    runtime="jax-distributed",
)
