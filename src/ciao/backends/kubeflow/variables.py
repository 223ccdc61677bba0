"""How replicas find each other in pods: the rules by which the runner completes their environment.

The framework's variables as text for :mod:`ciao.runner.variables`: a rule a line, short for thousands of replicas.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ciao.frameworks import FRAMEWORKS, Framework
from ciao.frameworks.base import Address, Topology
from ciao.model import JobSpec, Replica

__all__ = ["rules", "train_topology", "v1_topology"]

TRAINJOB_PORT = 29500
PLAIN = 4096
"""Rules longer than this are packed; shorter ones can be read in a plan."""


def v1_topology(spec: JobSpec, job: str) -> Topology:
    """Each replica of the Training Operator has a service of its name."""
    framework = FRAMEWORKS[spec.framework]
    addresses = {
        r: Address(host=f"{job}-{r.role.value}-{r.index}", port=framework.port) for r in framework.ranked(spec.replicas)
    }
    return Topology(job=job, addresses=addresses)


def train_topology(spec: JobSpec, job: str) -> Topology:
    """Nodes of a TrainJob count through all roles, and are named below the one service of their JobSet."""
    ranked = FRAMEWORKS[spec.framework].ranked(spec.replicas)
    addresses = {r: Address(host=f"{job}-node-0-{i}.{job}", port=TRAINJOB_PORT) for i, r in enumerate(ranked)}
    return Topology(job=job, addresses=addresses)


def rules(framework: Framework, topology: Topology) -> str:
    """What the runner's ``CIAO_VARIABLES`` says; empty if there is nothing to say."""
    text = "\n".join(_lines(framework, topology))
    if len(text) <= PLAIN:
        return text
    return "z:" + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _lines(framework: Framework, topology: Topology) -> Iterator[str]:
    for name, value in framework.shared(topology).items():
        yield f"{name}={value}"
    for role, replicas in groupby(topology.replicas, key=lambda r: r.role):
        own = _columns(framework, topology, tuple(replicas))
        if own:
            yield f"@{role.value}"
        for name, values in own.items():
            yield f"{name}{_column(values)}"


def _columns(framework: Framework, topology: Topology, replicas: tuple[Replica, ...]) -> Mapping[str, Sequence[str]]:
    each = [framework.own(topology, replica) for replica in replicas]
    return {name: [own[name] for own in each] for name in each[0]}


def _column(values: Sequence[str]) -> str:
    """One value for all, a number that counts with the index, or a list by index."""
    if len(set(values)) == 1 and len(values) > 1:
        return f"={values[0]}"
    if values[0].isdigit() and list(values) == [str(int(values[0]) + i) for i in range(len(values))]:
        return f"+{values[0]}"
    return f"*{' '.join(values)}"
