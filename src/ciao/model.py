"""The values that travel between the parts. Nobody edits them.

The words are those of Jupyter, Kubernetes and Kubeflow: a *cell* becomes a *spec*, the spec's code a
*bundle*, both a *job* of *replicas*, each of which writes *lines*; all that happens is told by *events*.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = [
    "Attempt",
    "Bundle",
    "Bundled",
    "Cell",
    "CleanPolicy",
    "Created",
    "Event",
    "Failure",
    "FailureKind",
    "Finished",
    "Folder",
    "Frame",
    "Job",
    "JobSpec",
    "Line",
    "Lines",
    "Notice",
    "Outcome",
    "Phase",
    "RemoteError",
    "Replica",
    "ReplicaChanged",
    "ReplicaState",
    "ReplicaStatus",
    "Resources",
    "Role",
    "RoleSpec",
    "SpecRead",
    "Summary",
    "Traced",
]

EMPTY: Mapping[str, str] = MappingProxyType({})

NAME_LIMIT = 45
"""Longest job name: names generated from it by JobSet must stay within 63 characters."""


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


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Code in a folder of this machine: the cell's file and the runner beside it."""

    path: Path
    entry: str


Bundle = Folder
"""How the code reaches a replica. A backend says which kinds it takes."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was, or is about to be, created. It has its name before anything exists.

    ``created`` is seconds since the epoch. ``replicas`` are names; ``cell`` is the label of its cell.
    """

    name: str
    backend: str
    framework: str
    replicas: tuple[str, ...]
    created: float
    cell: str = ""
    notebook: str = ""
    code_hash: str = ""

    @classmethod
    def named(cls, spec: JobSpec, *, backend: str, now: float) -> Job:
        """The job of this spec, with a name that nothing else has (random suffix of five characters)."""
        prefix = (spec.name or spec.framework)[: NAME_LIMIT - 6].rstrip("-")
        alphabet = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' own: no vowels, nothing that reads like another
        suffix = "".join(secrets.choice(alphabet) for _ in range(5))
        return cls(
            name=f"{prefix}-{suffix}",
            backend=backend,
            framework=spec.framework,
            replicas=tuple(map(str, spec.replicas)),
            created=now,
            cell=spec.cell.label,
            notebook=spec.cell.notebook,
            code_hash=spec.code_hash,
        )


class Phase(StrEnum):
    """Where a job stands. LOST: whoever watched over it on its backend is gone, so its end is unknown."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        """Nothing more will happen."""
        return self not in (Phase.PENDING, Phase.RUNNING)


class ReplicaState(StrEnum):
    """Where a replica stands. ENDED: stopped by us (clean-up, cancel), which is nobody's failure."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class ReplicaStatus:
    """The state of one replica since a time (epoch seconds); ``reason`` is words for people, or empty."""

    replica: str
    state: ReplicaState
    since: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame of a remote traceback, oldest first in its list.

    ``source`` is the text of the whole function, whose first line has number ``first_line``; empty if unknown.
    ``in_cell``: the frame lies in the cell's own file.
    """

    file: str
    line: int
    function: str
    first_line: int = 1
    source: tuple[str, ...] = ()
    in_cell: bool = False


@dataclass(frozen=True, kw_only=True)
class RemoteError:
    """An exception that was raised in a replica, as data from a less trusted place.

    ``cause`` is what ``raise ... from`` or the context names, ``by_from`` tells which of the two.
    """

    ename: str
    evalue: str
    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    cause: RemoteError | None = None
    by_from: bool = False


FailureKind = Literal["exception", "exit", "signal", "timeout", "start", "lost"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why one replica failed, at an epoch time in seconds.

    ``ename`` and ``evalue`` are what the cell's error says: the user's exception for ``exception``, else a name
    such as ``SystemExit`` or ``SIGKILL`` with words. ``secondary``: it looks like the echo of another's death.
    """

    replica: str
    kind: FailureKind
    time: float
    ename: str
    evalue: str
    error: RemoteError | None = None
    secondary: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the job ended. ``failure`` is the first by cause, ``others`` those that followed from it.

    ``attempts`` counts from 1; ``previous`` are the failures of the attempts before the last.
    """

    phase: Phase
    ended: float
    failure: Failure | None = None
    others: tuple[Failure, ...] = ()
    attempts: int = 1
    previous: tuple[Failure, ...] = ()
    message: str = ""


class Line(NamedTuple):
    """One line of one replica's log, without its newline. ``stamp`` is RFC 3339 in UTC with nine decimals."""

    replica: str
    stamp: str
    text: str


@dataclass(frozen=True, kw_only=True)
class SpecRead:
    """The interpreter understood the cell."""

    spec: JobSpec


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """The code is where replicas can get it."""

    bundle: Bundle


@dataclass(frozen=True, kw_only=True)
class Created:
    """The job exists."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class ReplicaChanged:
    """A replica came into another state."""

    status: ReplicaStatus


@dataclass(frozen=True, kw_only=True)
class Lines:
    """New lines, each exactly once, in order for each replica."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A replica wrote the traceback of its failure into its log; the lines may be told before or after this.

    ``reason`` is the exception in words. ``checksum`` is the CRC-32 of the lines as UTF-8, each with its newline.
    """

    replica: str
    reason: str
    lines: int
    checksum: int


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The group of replicas is started again, because of ``failure``. ``number`` is that of the new attempt."""

    number: int
    of: int
    failure: Failure


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something a person should know; one sentence."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The job is over; the last event."""

    outcome: Outcome


Event = SpecRead | Bundled | Created | ReplicaChanged | Lines | Traced | Attempt | Notice | Finished


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list of jobs shows of one."""

    job: Job
    phase: Phase
    replicas: tuple[ReplicaStatus, ...]
    started: float | None = None
    outcome: Outcome | None = None
