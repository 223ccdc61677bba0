"""How a job ended, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ciao.model.phase import Phase

__all__ = ["Failure", "FailureKind", "Frame", "Gap", "Outcome", "RemoteError", "reason_of"]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame of a remote traceback, oldest first in its list.

    ``source`` is the text of the whole function, whose first line has number ``first_line``; empty if unknown.
    ``in_cell``: the frame lies in the cell's own file. ``column`` counts from 1: of a syntax error, where it lies.
    """

    file: str
    line: int
    function: str
    first_line: int = 1
    source: tuple[str, ...] = ()
    in_cell: bool = False
    column: int = 0


@dataclass(frozen=True, kw_only=True)
class Gap:
    """So many ``frames`` of a traceback are left out behind the first ``after``.

    ``cycle``: the last so many before the gap are repeated in it, in whole turns, and go on behind it; 0 if not.
    """

    after: int
    frames: int
    cycle: int = 0


@dataclass(frozen=True, kw_only=True)
class RemoteError:
    """An exception that was raised in a replica, as data from a less trusted place.

    ``cause`` is what ``raise ... from`` or the context names, ``by_from`` tells which of the two. ``exceptions`` are
    the members of a group, but for so many that are ``left_out``. ``gap`` is what is missing among the frames.
    """

    ename: str
    evalue: str
    frames: tuple[Frame, ...] = ()
    gap: Gap | None = None
    notes: tuple[str, ...] = ()
    cause: RemoteError | None = None
    by_from: bool = False
    exceptions: tuple[RemoteError, ...] = ()
    left_out: int = 0


FailureKind = Literal["exception", "exit", "signal", "timeout", "start", "lost"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why one replica failed, at an epoch time in seconds.

    ``ename`` and ``evalue`` are what the cell's error says: the user's exception for ``exception``, else a name
    such as ``SystemExit`` or ``SIGKILL`` with words; ``error`` is then where the process stood, if that is known.
    ``secondary``: it looks like the echo of another's death. ``rank``: which of the replica's processes it was, if it
    has several, counted over the whole job.
    """

    replica: str
    kind: FailureKind
    time: float
    ename: str
    evalue: str
    error: RemoteError | None = None
    secondary: bool = False
    rank: int | None = None

    @property
    def place(self) -> str:
        """``worker-1``, or ``launcher-0 (rank 2)``."""
        return self.replica if self.rank is None else f"{self.replica} (rank {self.rank})"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the job ended. ``failure`` is the first by cause, ``others`` those that followed from it.

    ``attempts`` counts from 1; ``previous`` are the failures of the attempts before the last.
    ``hint`` is what to do next, in words, or empty.
    """

    phase: Phase
    ended: float
    failure: Failure | None = None
    others: tuple[Failure, ...] = ()
    attempts: int = 1
    previous: tuple[Failure, ...] = ()
    message: str = ""
    hint: str = ""


def reason_of(failure: Failure | RemoteError) -> str:
    """``ValueError: no such file``: why a replica failed, as its status has it."""
    return f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
