"""All that the pipeline tells its listeners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ciao.model.failure import Failure, Outcome
from ciao.model.job import Bundle, Job, Line, ReplicaStatus
from ciao.model.spec import JobSpec

__all__ = [
    "Attempt",
    "Bundled",
    "Created",
    "Event",
    "Finished",
    "Lines",
    "Notice",
    "Packing",
    "ReplicaChanged",
    "SpecRead",
    "Traced",
]


@dataclass(frozen=True, kw_only=True)
class SpecRead:
    """The interpreter understood the cell."""

    spec: JobSpec


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How far the code is on its way into its bundle.

    ``step`` is words for people, such as ``pushing the code``. ``done`` and ``total`` are bytes of it, None where not
    known; a ``done`` that goes back means that the step began anew.
    """

    step: str
    done: int | None = None
    total: int | None = None


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
    """New lines, each exactly once, in order for each replica.

    ``lost`` bytes of the logs before or among them are not kept any more; a line at the place says so.
    """

    lines: tuple[Line, ...]
    lost: int = 0


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


Event = SpecRead | Packing | Bundled | Created | ReplicaChanged | Lines | Traced | Attempt | Notice | Finished
