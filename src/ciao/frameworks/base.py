"""What a framework is to Ciao: a frozen value. Nothing else in Ciao knows what a framework needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ciao.model import Replica, Role

__all__ = ["Address", "Framework", "Topology"]


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


@dataclass(frozen=True, kw_only=True)
class Framework:
    """One framework.

    ``roles`` are allowed, in rank order. ``default_role`` gets one replica when the cell names no role.
    ``single`` are the roles of at most one replica. ``port`` is the rendezvous port on a cluster.
    ``variables`` gives the environment by which a replica finds the others.
    ``decisive`` names the replicas that must all succeed for the job to have succeeded; the others are then ended.
    """

    name: str
    title: str
    roles: tuple[Role, ...]
    default_role: Role
    single: frozenset[Role]
    port: int
    variables: Callable[[Topology, Replica], Mapping[str, str]]
    decisive: Callable[[tuple[Replica, ...]], tuple[Replica, ...]]
