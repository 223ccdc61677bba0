"""What a framework is to Ciao: a frozen value. Nothing else in Ciao knows what a framework needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from ciao.model import Replica, Role

__all__ = ["Address", "Elasticity", "Framework", "Operator", "Topology", "nobody", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a replica is reached by the others."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Topology:
    """All replicas of a job, in rank order, and where each is reached."""

    job: str
    addresses: Mapping[Replica, Address]

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """In rank order."""
        return tuple(self.addresses)

    @property
    def first(self) -> Address:
        """Of rank 0."""
        return next(iter(self.addresses.values()))

    def rank(self, replica: Replica) -> int:
        """Where a replica stands in that order."""
        return self._ranks[replica]

    @cached_property
    def _ranks(self) -> Mapping[Replica, int]:
        return {replica: rank for rank, replica in enumerate(self.addresses)}


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A framework's kind of the Training Operator (API ``kubeflow.org/v1``), and how it is written.

    ``replicas`` is the field of its spec that holds the roles, ``types`` are their names there, ``container`` is the
    name that the training container must have. ``complete``: it sets every variable of the framework by itself.
    ``leader``: it takes no job without a replica of this role.
    """

    kind: str
    plural: str
    replicas: str
    container: str
    types: Mapping[Role, str]
    complete: bool = False
    leader: Role | None = None


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    """How a framework runs on a number of replicas that changes: below a program of its own in each replica.

    That starts the cell's processes, and starts them anew when a replica leaves. ``words`` are what Python runs it by.
    ``own`` gives the variables that it reads, as the operator sets them, of a replica, of how few may be left and of
    how many processes each has; ``always`` are those that it needs besides, on every backend.
    """

    words: tuple[str, ...]
    own: Callable[[Topology, Replica, int, int], Mapping[str, str]]
    always: Mapping[str, str]


def nothing(_topology: Topology) -> Mapping[str, str]:
    """The variables that all replicas have in common, if there are none."""
    return {}


def nobody(_replicas: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """Which replicas never end by themselves, if all do."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Framework:
    """One framework.

    ``roles`` are allowed, in rank order. ``default_role`` gets one replica when the cell names no role.
    ``single`` are the roles of at most one replica, ``always`` those that every job has, stated or not.
    ``port`` is the rendezvous port on a cluster. ``shared`` and ``own`` give the environment by which a replica finds
    the others: what is the same in all replicas, and the rest, apart because there may be thousands of replicas.
    ``ranks`` names the variables that count processes, each with the one that says how many there are; without any of
    them a replica runs no more than one process.
    ``on_cpu`` is what a replica without a GPU gets besides, unless the cell says otherwise.
    ``decisive`` names the replicas that must all succeed for the job to have succeeded; the others are then ended.
    ``endless`` names those that never end by themselves, and so are ended at once.
    ``elastic`` is how it runs on a changing number of replicas, if it can.
    ``operator`` is its kind there, ``runtime`` the ClusterTrainingRuntime that Trainer ships for it; None: a TrainJob
    cannot run it.
    """

    name: str
    title: str
    roles: tuple[Role, ...]
    default_role: Role
    single: frozenset[Role]
    always: tuple[Role, ...] = ()
    port: int
    shared: Callable[[Topology], Mapping[str, str]] = nothing
    own: Callable[[Topology, Replica], Mapping[str, str]]
    decisive: Callable[[tuple[Replica, ...]], tuple[Replica, ...]]
    operator: Operator
    endless: Callable[[tuple[Replica, ...]], tuple[Replica, ...]] = nobody
    ranks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    on_cpu: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    elastic: Elasticity | None = None
    runtime: str | None = None

    def variables(self, topology: Topology, replica: Replica) -> Mapping[str, str]:
        """All that one replica gets."""
        return {**self.shared(topology), **self.own(topology, replica)}

    def ranked(self, replicas: Iterable[Replica]) -> tuple[Replica, ...]:
        """In rank order."""
        return tuple(sorted(replicas, key=lambda r: (self.roles.index(r.role), r.index)))
