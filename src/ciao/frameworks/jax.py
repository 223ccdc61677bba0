"""JAX: jax.distributed with worker-0 as the coordinator."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks.base import Framework, Topology
from ciao.model import Replica, Role

__all__ = ["JAX"]


def _variables(topology: Topology, replica: Replica) -> Mapping[str, str]:
    """JAXJob's names and TrainJob's.

    Of these JAX itself reads only JAX_COORDINATOR_ADDRESS, so a cell gives the numbers:
    ``jax.distributed.initialize(num_processes=int(os.environ["NUM_PROCESSES"]), process_id=...)``.
    """
    first = topology.addresses[topology.replicas[0]]
    count, index = str(len(topology.replicas)), str(topology.replicas.index(replica))
    return {
        "COORDINATOR_ADDRESS": first.host,
        "COORDINATOR_PORT": str(first.port),
        "NUM_PROCESSES": count,
        "PROCESS_ID": index,
        "JAX_COORDINATOR_ADDRESS": str(first),
        "JAX_COORDINATOR_PORT": str(first.port),
        "JAX_NUM_PROCESSES": count,
        "JAX_PROCESS_ID": index,
    }


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
    variables=_variables,
    decisive=_decisive,
)
