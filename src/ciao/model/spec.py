"""What a cell asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "Cell",
    "CleanPolicy",
    "Elastic",
    "JobSpec",
    "Replica",
    "Resources",
    "Role",
    "RoleSpec",
    "SecretKey",
    "Volume",
]

EMPTY: Mapping[str, str] = MappingProxyType({})
NO_PATCH: Mapping[str, Any] = MappingProxyType({})
NO_SECRETS: Mapping[str, SecretKey] = MappingProxyType({})


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

    ``number`` is the execution count, ``notebook`` the notebook's path if the frontend knows it. ``file`` is the name
    of a file that is run as a cell; ``notebook`` is then its path.
    """

    text: str
    number: int | None = None
    notebook: str = ""
    file: str = ""

    @property
    def label(self) -> str:
        """How tracebacks name the cell."""
        if self.file:
            return self.file
        return f"Cell In[{self.number}]" if self.number is not None else "the cell"

    @property
    def filename(self) -> str:
        """The name of the cell's file in a replica; no brackets, so that every tool can open it."""
        return f"cell_{self.number}.py" if self.number is not None else "cell.py"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Kubernetes quantities as the user wrote them, checked by the interpreter. None: not stated, none sent.

    ``other`` are resources by their full names, such as ``ephemeral-storage`` and ``nvidia.com/mig-1g.5gb``.
    """

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    other: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """How many replicas of one role, and what each of them asks for.

    ``image`` is its base image if not the job's; ``patch`` is merged into its pod template, after the job's.
    """

    role: Role
    count: int
    resources: Resources = Resources()
    image: str | None = None
    patch: Mapping[str, Any] = field(default_factory=lambda: NO_PATCH)


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """A value in a Secret of the job's namespace; only its name is ever known here."""

    secret: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What is mounted into every replica at an absolute path: a PersistentVolumeClaim, or a folder of the node."""

    kind: Literal["claim", "host"]
    source: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Elastic:
    """Between how many replicas an elastic job may run."""

    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What the interpreter makes of a job cell.

    ``code`` is the cell with the text of its magic lines removed and every other character kept, so that line
    numbers are the cell's. ``roles`` has at least one entry, at most one a role, counts of one and more.
    ``timeout`` and ``ttl`` are in seconds. ``name`` is the user's prefix; the job's own name has a random suffix.
    ``kind`` is Kubeflow's word, such as ``PyTorchJob``; None: what the cluster serves. ``secrets`` are by the
    variable that each becomes. ``nproc`` is how many processes each replica runs. ``patch`` is a part of a pod
    template, as YAML reads it, merged into that of every replica. ``s2i`` is the strategy by which the code becomes a
    bundle, None for the one that fits; ``dockerfile`` is the user's own, for those that build one. ``packages`` are
    requirements and options as pip takes them, one line of the cell each; ``include`` are files, folders and modules of
    this machine, one word each. Relative paths are below the notebook's folder.
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
    namespace: str | None = None
    kind: str | None = None
    runtime: str | None = None
    image: str | None = None
    ttl: float | None = None
    queue: str | None = None
    priority: str | None = None
    nproc: int | None = None
    elastic: Elastic | None = None
    secrets: Mapping[str, SecretKey] = field(default_factory=lambda: NO_SECRETS)
    volumes: tuple[Volume, ...] = ()
    patch: Mapping[str, Any] = field(default_factory=lambda: NO_PATCH)
    s2i: str | None = None
    dockerfile: str | None = None
    packages: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

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
