"""What a cell asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

__all__ = ["Cell", "CleanPolicy", "JobSpec", "Replica", "Resources", "Role", "RoleSpec"]

EMPTY: Mapping[str, str] = MappingProxyType({})


class Role(StrEnum):
    """A kind of replica. The order here is the order in which replicas are shown."""

    MASTER = "master"
    CHIEF = "chief"
    LAUNCHER = "launcher"
    WORKER = "worker"
    PS = "ps"
    EVALUATOR = "evaluator"


class CleanPolicy(StrEnum):
    """Which replicas are removed when the job ends: Kubeflow's cleanPodPolicy."""

    ALL = "all"
    RUNNING = "running"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The text that a frontend sends to be run.

    ``number`` is the execution count, ``notebook`` the notebook's path if the frontend knows it.
    """

    text: str
    number: int | None = None
    notebook: str = ""

    @property
    def label(self) -> str:
        """How tracebacks name the cell."""
        return f"Cell In[{self.number}]" if self.number is not None else "the cell"

    @property
    def filename(self) -> str:
        """The name of the cell's file in a replica; no brackets, so that every tool can open it."""
        return f"cell_{self.number}.py" if self.number is not None else "cell.py"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Kubernetes quantities as the user wrote them, checked by the interpreter. None: not stated, none sent."""

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """How many replicas of one role, and what each of them asks for."""

    role: Role
    count: int
    resources: Resources = Resources()


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What the interpreter makes of a job cell.

    ``code`` is the cell with the text of its magic lines removed and every other character kept, so that line
    numbers are the cell's. ``roles`` has at least one entry, at most one a role, counts of one and more.
    ``timeout`` is in seconds. ``name`` is the user's prefix; the job's own name has a random suffix.
    """

    cell: Cell
    code: str
    framework: str
    roles: tuple[RoleSpec, ...]
    backend: str | None = None
    name: str | None = None
    clean_policy: CleanPolicy = CleanPolicy.RUNNING
    timeout: float | None = None
    retries: int = 0
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    python: str | None = None
    background: bool = False

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """Every replica of the job, in the order in which they are shown."""
        return tuple(Replica(r.role, i) for r in self.roles for i in range(r.count))

    @property
    def code_hash(self) -> str:
        """SHA-256 of the code as UTF-8, in hexadecimal."""
        return hashlib.sha256(self.code.encode()).hexdigest()


@dataclass(frozen=True, order=True)
class Replica:
    """One running copy; its text is its name, such as ``worker-0``."""

    role: Role
    index: int

    def __str__(self) -> str:
        return f"{self.role.value}-{self.index}"

    @classmethod
    def parse(cls, name: str) -> Replica:
        """The replica of this name; ValueError for anything else."""
        role, _, index = name.rpartition("-")
        if role not in set(Role) or not (index.isascii() and index.isdigit()):
            raise ValueError(f"not a replica's name: {name!r}")
        return cls(Role(role), int(index))
