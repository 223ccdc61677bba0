"""One process of the cell as process 1 of a pod holds it: its group, its two pipes, how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from . import FRAME, MAX_RECORD, RECORD_FD
from .pump import Pump
from .upstream import Lifeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Sequence


class Process:
    """``status`` is its exit code, negative for a signal, None while it runs; ``record`` tells of its failure.

    A ``program`` starts the cell's processes in its turn. Those have no pipe for records: theirs are in its output.
    ``tied``: it is killed when we are, which process 1 of a pod need not see to.
    """

    def __init__(self, path: str, program: Sequence[str], environ: Mapping[str, str], *, tied: bool = False) -> None:
        self.status: Optional[int] = None
        self.record = b""
        self.output, out = os.pipe()
        self.records, record = os.pipe()
        self._pump = Pump()
        self._rest = b""
        self._framed = bool(program)
        lifeline = Lifeline() if tied else None
        try:
            if lifeline is not None:
                os.set_inheritable(lifeline.theirs, True)  # noqa: FBT003  # its only form
            self.pid = _start(path, program, environ, out=out, record=record)
            if lifeline is not None:
                lifeline.kill_with_us(self.pid)
        finally:
            os.close(out)
            os.close(record)

    def take_output(self, data: bytes) -> bytes:
        """The lines that this piece of output completes; those that are unfinished at its end if it is empty."""
        lines = self._pump.feed(data) if data else self._pump.flush()
        at = lines.find(FRAME.encode()) if self._framed and not self.record else -1
        while at >= 0 and not self.record:
            at += len(FRAME)
            self._keep(lines[at : lines.index(b"\n", at)])
            at = lines.find(FRAME.encode(), at)
        return lines

    def take_records(self, data: bytes) -> List[bytes]:
        """The records that this piece completes."""
        *records, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_RECORD:
            self._rest = b""
        for record in records:
            self._keep(record)
        return records

    def ended(self, status: int) -> None:
        """It was reaped with this wait status. What it left behind in its group is killed."""
        self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """To its whole group; nothing happens if that is gone."""
        kill(-self.pid, number)

    def _keep(self, record: bytes) -> None:
        """The first that tells of a failure is for the termination message."""
        if not self.record and b'"started"' not in record[:40]:
            self.record = record


def kill(pid: int, number: int) -> None:
    """Send a signal, if there is somebody to send it to."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone, or only zombies
        os.kill(pid, number)


def _start(path: str, program: Sequence[str], environ: Mapping[str, str], *, out: int, record: int) -> int:
    """In a group of its own, with nothing to read."""
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    command: List[str] = [*program, sys.executable, main, "cell", path]
    environ = dict(environ)
    if not program:
        os.set_inheritable(record, True)  # noqa: FBT003  # its only form
        environ[RECORD_FD] = str(record)
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
