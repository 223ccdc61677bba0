"""What was created, and where it stands."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ciao.model.failure import Outcome
from ciao.model.phase import Phase, ReplicaState
from ciao.model.spec import JobSpec

__all__ = [
    "CODE",
    "NAME_LIMIT",
    "Bundle",
    "Files",
    "Folder",
    "Job",
    "Line",
    "Mounted",
    "Pinned",
    "ReplicaStatus",
    "Summary",
]

CODE = "/ciao/code"
"""Where the code lies in a container."""

NAME_LIMIT = 45
"""Longest job name: names generated from it by JobSet must stay within 63 characters."""

NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Code in a folder of this machine: the cell's file and the runner beside it."""

    path: Path
    entry: str


@dataclass(frozen=True, kw_only=True)
class Files:
    """Code as files that the backend brings to its replicas: the cell's, and the runner's in its folder.

    ``files`` are texts, or bytes that are no text, by their relative path with ``/``; ``entry`` is the cell's, and
    ``executable`` are those that can be started as programs.
    """

    entry: str
    files: Mapping[str, str | bytes]
    executable: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """Code in images, each with a base image below it. In all of them it lies in the folder :data:`CODE`.

    ``images`` are by the name of the base image in the :class:`Target`; each is named by its digest, as the nodes pull
    it. ``entry`` is the cell's file, relative to that folder. ``users`` are, by base image, the numbers of the users
    that the images name, where they name them by number. ``strategy`` is what made it, ``packages`` the key of the
    packages in it.
    """

    entry: str
    images: Mapping[str, str]
    users: Mapping[str, int] = field(default_factory=lambda: NOBODY)
    strategy: str = ""
    packages: str = ""


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """Code in an image of its own, with nothing else in it, which is mounted over unmodified base images.

    ``image`` is named by its digest. Its folder ``subpath`` belongs at :data:`CODE`, read-only. ``strategy`` and
    ``packages`` are as in :class:`Pinned`.
    """

    entry: str
    image: str
    subpath: str = "ciao/code"
    strategy: str = ""
    packages: str = ""


Bundle = Folder | Files | Pinned | Mounted
"""How the code reaches a replica. A backend says which kinds it takes.

Whatever carries it, the folder of the code has the cell's file, the runner in ``ciao_runner``, and, if the cell asks
for them, packages in ``site``, modules of this machine in ``modules``, and in ``files`` what belongs into the working
directory.
"""


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


@dataclass(frozen=True, kw_only=True)
class ReplicaStatus:
    """The state of one replica since a time (epoch seconds); ``reason`` is words for people, or empty."""

    replica: str
    state: ReplicaState
    since: float
    reason: str = ""


class Line(NamedTuple):
    """One line of one replica's log, without its newline. ``stamp`` is RFC 3339 in UTC with nine decimals.

    ``redrawn``: the replica returned to the beginning of the line, as a progress bar does; its next line replaces it.
    """

    replica: str
    stamp: str
    text: str
    redrawn: bool = False


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list of jobs shows of one. ``kind`` and ``namespace`` are those of its object on a cluster.

    Only when one job is asked for: ``facts`` are more that its backend knows of it, as words for people; ``places``
    tell where each replica runs, by its name.
    """

    job: Job
    phase: Phase
    replicas: tuple[ReplicaStatus, ...]
    started: float | None = None
    outcome: Outcome | None = None
    kind: str = ""
    namespace: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
