"""One replica as the supervisor holds it: a process group, its two pipes, its log.

Imported by the supervisor alone, which starts with every job: standard library only, and little of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time

from ciao.backends.local.ledger import FULL
from ciao.logs.lines import stamp, stamped
from ciao.logs.rotation import Pieces
from ciao.runner.afterwards import last_words
from ciao.runner.pump import Pump
from ciao.runner.tail import Tail

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Child"]

PIPE_BYTES = 1 << 20  # a writer should rarely wait for us
READ_BYTES = 1 << 18
RECORD_LIMIT = 1 << 20  # of records that a replica may send; the rest is dropped
F_SETPIPE_SZ = 1031  # Linux
F_SETSIG = 10  # Linux


class Child:
    """A replica's process. ``code`` is None while it runs, then its exit code, negative for a signal.

    Of its log so many bytes are kept, as :mod:`ciao.logs.rotation` says.
    """

    def __init__(self, name: str, log_path: str, *, keep: int = 1 << 28) -> None:
        self.name = name
        self.pid = 0
        self.code: int | None = None
        self.ended_by_us = False
        self.failed = False
        self.secondary = False
        self.raised = False
        self.user_code = False
        self.done = False  # it told that all of its code has run
        self.lost_bytes = 0
        self.output = -1
        self.records = -1
        self.ended_at = 0.0  # epoch seconds; of one that was killed for want of memory, when
        self.used = 0  # bytes, of such a one
        self._log = -1
        self._pieces = Pieces(log_path, keep)
        self._torn = False
        self._pump = Pump()
        self.tail = Tail()
        self._record_rest = b""
        self._record_bytes = 0
        self._lifeline = -1

    def start(self, argv: list[str], env: Mapping[str, str], cwd: str, *, cores: Collection[int] = ()) -> None:
        """Start the process, bound to these cores if there are any; OSError if it cannot be."""
        theirs: list[int] = []
        ours = _bound(cores)  # it begins where we are; moved later, its libraries would have counted the others
        try:
            self._log = self._pieces.open()
            self.output, out = _pipe(theirs, size=PIPE_BYTES)
            self.records, record = _pipe(theirs)
            lifeline, self._lifeline = os.pipe()
            theirs.append(lifeline)
            process = subprocess.Popen(
                argv,
                env={**env, "CIAO_RECORD_FD": str(record)},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(record, lifeline),
                start_new_session=True,
            )
            self.pid = process.pid
            process.returncode = 0  # the supervisor reaps all children itself
            _kill_group_when_closed(lifeline, self.pid)
        finally:
            _bound(ours)
            for fd in theirs:
                os.close(fd)

    @property
    def running(self) -> bool:
        """It was started and has not been reaped."""
        return self.pid != 0 and self.code is None

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens if it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def reaped(self, code: int) -> None:
        """The main process has ended: so do those it left behind, as in a container."""
        self.code, self.ended_at = code, self.ended_at or time.time()
        self.signal(signal.SIGKILL)

    def read_output(self) -> bool:
        """Move what is in the pipe to the log; False at its end."""
        data = _read(self.output)
        if data:
            self._write(self._pump.feed(data))
        return data != b""

    def read_records(self) -> tuple[list[bytes], bool]:
        """Records that have arrived whole, and whether there may be more. Beyond a limit they are dropped."""
        data = _read(self.records)
        if not data:
            return [], data is None
        self._record_bytes += len(data)
        if self._record_bytes > RECORD_LIMIT:
            self._record_rest = b""
            return [], True
        *whole, self._record_rest = (self._record_rest + data).split(b"\n")
        return whole, True

    def close(self) -> None:
        """Write what is still in the pipe and the last unfinished line, and let go of everything."""
        for _ in range(2 * PIPE_BYTES // READ_BYTES):  # all that a pipe holds; whoever writes on is not waited for
            if self.output < 0 or not (data := _read(self.output)):
                break
            self._write(self._pump.feed(data))
        self._write(self._pump.flush())
        if self.done and not self.failed and (told := last_words(self.code or 0)):
            self._write(told)
            self.code = 0
        for fd in (self.output, self.records, self._log, self._lifeline):
            if fd >= 0:
                os.close(fd)
        self.output = self.records = self._log = self._lifeline = -1

    def _write(self, lines: bytes) -> None:
        """Append lines to the log. A full disk costs lines, never the training: what was lost is counted."""
        if not lines:
            return
        self.tail.add(lines)
        data = memoryview(b"\n" * self._torn + stamped(lines, stamp(time.time_ns()).encode()))
        if not self._torn and (new := self._pieces.turn(len(data))) is not None:
            os.close(self._log)
            self._log = new
        while data:
            try:
                written = os.write(self._log, data)
            except OSError as e:
                if e.errno not in FULL:
                    raise
                self.lost_bytes += len(data)
                return
            self._torn = data[written - 1] != 0x0A
            data = data[written:]


def _bound(cores: Collection[int]) -> Collection[int]:
    """Run this process on these cores alone, if the system can; where it ran before, or nothing if it stays."""
    if not cores or sys.platform != "linux":
        return ()
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cores)
    except OSError:  # they went away since they were chosen
        return ()
    return before


def _pipe(theirs: list[int], *, size: int | None = None) -> tuple[int, int]:
    reader, writer = os.pipe()
    theirs.append(writer)
    os.set_blocking(reader, False)
    if size is not None and sys.platform == "linux":
        with contextlib.suppress(OSError):  # beyond the user's pipe quota: the default size does
            fcntl.fcntl(writer, F_SETPIPE_SZ, size)
    return reader, writer


def _read(fd: int) -> bytes | None:
    """Bytes; b"" at the end; None if there are none now."""
    try:
        return os.read(fd, READ_BYTES)
    except BlockingIOError:
        return None


def _kill_group_when_closed(lifeline: int, group: int) -> None:
    """Let the operating system kill the group when we die, however we die.

    The replica holds the reading end of a pipe whose writing end is only ours. When that is closed, Linux sends the
    signal chosen here to the group: no thread and no library in the user's process is needed for it. Elsewhere a
    supervisor that is killed leaves replicas behind, and the next look at the job says so.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -group)
        fcntl.fcntl(lifeline, F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
