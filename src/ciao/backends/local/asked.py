"""What each replica may use, as a function of what the cell asks for. Pure.

The ranks of a job with a launcher all run below it on this machine, so what its roles ask for is meant together.
"""

from __future__ import annotations

from ciao.backends.memory import bytes_of
from ciao.backends.threads import cpus
from ciao.frameworks import FRAMEWORKS
from ciao.model import JobSpec, Role

__all__ = ["cores_of", "gpus_of", "memory_of"]


def cores_of(spec: JobSpec) -> dict[str, int]:
    """How many whole cores each replica asks for, of those that do; of a job with a launcher nobody has any."""
    asked = {role.role: cpus(role.resources.cpu) for role in spec.roles}
    return {} if _launched(spec) else {str(r): count for r in spec.replicas if (count := asked[r.role]) is not None}


def gpus_of(spec: JobSpec) -> dict[str, int]:
    """How many GPUs, likewise."""
    asked = {role.role: int(role.resources.gpu or 0) for role in spec.roles}
    return {} if _launched(spec) else {str(r): asked[r.role] for r in spec.replicas if asked[r.role]}


def memory_of(spec: JobSpec) -> dict[str, str]:
    """What each replica asks for, of those that do; of a job with a launcher, the sum for that, if all workers do."""
    asked = {role.role: role.resources.memory for role in spec.roles}
    if not _launched(spec):
        return {str(r): memory for r in spec.replicas if (memory := asked[r.role]) is not None}
    each = [bytes_of(asked[r.role]) for r in spec.replicas if r.role is not Role.LAUNCHER or asked[r.role]]
    total = sum(count or 0 for count in each)
    return {} if not each or None in each else {"launcher-0": f"{-(-total // 2**20)}Mi"}


def _launched(spec: JobSpec) -> bool:
    return Role.LAUNCHER in FRAMEWORKS[spec.framework].always
