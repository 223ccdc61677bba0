"""One process of the cell as process 1 of a pod holds it: its group, its two pipes, how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from . import FRAME, MAX_RECORD, RECORD_FD, RECORDS
from .afterwards import last_words
from .pump import Pump
from .ranks import rank_of
from .tail import Tail
from .upstream import Lifeline, NamedPipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence


TORCHRUN_SAYS = b"failed (exitcode: "
"""How a line of torchrun goes on that tells how a process of it ended. It ends with 1 itself, whatever that was."""


class Process:
    """``status`` is its exit code, negative for a signal, None while it runs; ``record`` tells of its failure, and
    ``last_words`` is a line about its end for the log.

    A ``program`` starts the cell's processes in its turn. Those have no pipe for records: theirs are in its output.
    ``tied``: below a supervisor, which ends us and with us all of them, and records of a program's come by a pipe too.
    """

    def __init__(self, path: str, program: Sequence[str], environ: Mapping[str, str], *, tied: bool = False) -> None:
        self.status: Optional[int] = None
        self.record = b""
        self.last_words = b""
        self.output, out = os.pipe()
        self._named = NamedPipe(os.path.dirname(path)) if tied and program else None
        self.records, record = (self._named.reader, -1) if self._named else os.pipe()
        self._pump = Pump()
        self._done = False
        self._rest = b""
        self._path = path
        self._program = bool(program)
        self._tail = Tail()
        self._rank = rank_of(environ)
        self._said: Optional[int] = None
        lifeline = Lifeline() if tied else None
        environ = dict(environ)
        if self._named is not None:
            environ[RECORDS] = self._named.path
        elif not program:
            os.set_inheritable(record, True)  # noqa: FBT003  # its only form
            environ[RECORD_FD] = str(record)
        try:
            self.pid = _start(path, program, environ, out=out)
            if lifeline is not None:
                lifeline.kill_with_us(self.pid)
        finally:
            os.close(out)
            if record >= 0:
                os.close(record)

    def take_output(self, data: bytes) -> bytes:
        """The lines that this piece of output completes; those that are unfinished at its end if it is empty."""
        lines = self._pump.feed(data) if data else self._pump.flush()
        self._tail.add(lines)
        at = lines.find(FRAME.encode()) if self._program and not self.record else -1
        while at >= 0 and not self.record:
            at += len(FRAME)
            self._keep(lines[at : lines.index(b"\n", at)])
            at = lines.find(FRAME.encode(), at)
        if self._program and TORCHRUN_SAYS in lines:
            self._said = _number(lines[lines.rindex(TORCHRUN_SAYS) + len(TORCHRUN_SAYS) :])
            self._as_said()
        return lines

    def take_records(self, data: bytes) -> List[bytes]:
        """The records that this piece completes; that it is done is for us alone."""
        *records, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_RECORD:
            self._rest = b""
        told = [record for record in records if b'"done"' not in record[:40]]
        self._done = self._done or len(told) < len(records)
        for record in told:
            self._keep(record)
        return told

    def ended(self, status: int) -> None:
        """It was reaped with this wait status. What it left behind in its group is killed."""
        self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if self._program and not self.record and 128 < self.status <= 128 + signal.SIGSYS:
            self.status = 128 - self.status  # it tells, as a shell does, of a signal that ended one of its processes
        self._as_said()
        self._forgive()
        self.signal(signal.SIGKILL)
        if self._named is not None:
            self._named.close()

    def _forgive(self) -> None:
        """What happens when the code is done is no failure of it."""
        self.last_words = last_words(self.status or 0) if self._done and not self.record else b""
        if self.last_words:
            self.status = 0

    def died(self) -> bytes:
        """What its output tells of its end, as a record; empty if it told that itself, or all went well."""
        if self.record or not self.status:
            return b""
        from . import crash

        told = crash.died(
            self._tail, cell=self._path, signal=max(0, -self.status), rank=self._rank, several=self._program
        )
        self.record = crash.line(told) if told is not None else b""
        return self.record

    def signal(self, number: int) -> None:
        """To its whole group; nothing happens if that is gone."""
        kill(-self.pid, number)

    def _as_said(self) -> None:
        """Its line may be read before its end is seen, or after."""
        if self.status == 1 and self._said:
            self.status = self._said

    def _keep(self, record: bytes) -> None:
        """The first that tells of a failure is for the termination message."""
        if not self.record and not any(kind in record[:40] for kind in (b'"started"', b'"report"')):
            self.record = record


def _number(text: bytes) -> Optional[int]:
    """That stands before the closing bracket."""
    digits = text[:8].partition(b")")[0]
    return int(digits) if digits[digits.startswith(b"-") :].isdigit() else None


def kill(pid: int, number: int) -> None:
    """Send a signal, if there is somebody to send it to."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone, or only zombies
        os.kill(pid, number)


def _start(path: str, program: Sequence[str], environ: Dict[str, str], *, out: int) -> int:
    """In a group of its own, with nothing to read."""
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    command: List[str] = [*program, sys.executable, main, "cell", path]
    return os.posix_spawnp(
        command[0],
        command,
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, out, 2),
        ],
        setpgroup=0,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them, the cell's children must not
    )
