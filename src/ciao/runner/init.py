"""Process 1 of a pod: starts the cell's process, pumps its output, ends it, tells how it ended.

One loop over a poll, no threads: signals come in as bytes through ``signal.set_wakeup_fd``, so nothing is done in a
handler and none is missed while the loop is busy. The cell runs in a process group of its own, with one pipe for
its output (standard output and error, in the order of writing) and one for its records.

* A signal for us (HUP, INT, USR1, USR2) is passed on to the group.
* SIGTERM too; after CIAO_GRACE seconds (default 5) SIGKILL follows, and the exit status is 143 whatever the code did
  with the signal: an operator would take a 0 for success.
* When the cell's main process has ended, what it left behind is killed and the pipes are drained.
* Otherwise the exit status is the cell's, or 128 + n if a signal ended it, as a shell has it.

Zombies are reaped whoever's children they were; those of a process that is neither ours nor adopted by us, which
only process 1 or a "subreaper" does, are not seen.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

from . import FRAME, MAX_RECORD, RECORD_FD
from .pump import Pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

READ_BYTES = 256 * 1024
DRAIN = 1.0  # seconds for a pipe that a process outside the group still holds
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def main(path: str, *program: str) -> None:
    """Run the cell to its end; leaves by SystemExit. A ``program`` starts its processes, perhaps elsewhere."""
    _settle()
    cell = _Cell(path, float(os.environ.get("CIAO_GRACE", "5")), program)
    from .termination import write_message  # while the cell starts: it takes as long as all the rest of us

    cell.watch()
    write_message(cell.record, cell.status, stopped=cell.stopped)
    sys.exit(cell.exit_code)


def _settle() -> None:
    """Into the working directory, with all variables. A pod that is not one of ours says nothing of them."""
    if work := os.environ.pop("CIAO_WORK", ""):
        with contextlib.suppress(OSError):  # a patch took it away
            os.chdir(work)
    if "CIAO_VARIABLES" in os.environ or "CIAO_ROLES" in os.environ:
        from .variables import complete

        complete(os.environ)


class _Cell:
    """The cell's process from start to end. ``status`` is its exit code, negative for a signal."""

    def __init__(self, path: str, grace: float, program: Sequence[str] = ()) -> None:
        self.status = 0
        self.stopped = False
        self.record = b""  # the first that tells of a failure
        self._grace = grace
        self._deadline: Optional[float] = None
        self._pump = Pump()
        self._rest = b""
        self._muted = False
        self._ended = False
        self._signals = _signal_pipe()  # before the start: what comes from now on is not lost
        self._output, out = os.pipe()
        self._records, record = os.pipe()
        self._framed = bool(program)
        self._pid = _start(path, out, record, program)
        os.close(out)
        os.close(record)
        self._poll = select.poll()
        for fd in (self._signals, self._output, self._records):
            self._poll.register(fd, select.POLLIN)
        self._open = {self._output, self._records}

    @property
    def exit_code(self) -> int:
        """Ours."""
        if self.stopped:
            return 128 + signal.SIGTERM
        return self.status if self.status >= 0 else 128 - self.status

    def watch(self) -> None:
        """Until the process has ended and its pipes are empty."""
        while not self._ended or self._open:
            ready = [fd for fd, _ in self._poll.poll(self._wait())]
            if self._signals in ready:
                for number in os.read(self._signals, 4096):
                    self._on_signal(number)
            self._move([fd for fd in ready if fd in self._open])
            if self._deadline is not None and time.monotonic() >= self._deadline:
                if self._ended:
                    break
                self._signal_group(signal.SIGKILL)
                self._deadline = None
        self._take_output(self._pump.flush())

    def _wait(self) -> Optional[float]:
        """Milliseconds until something is due."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic()) * 1000 + 1

    def _move(self, ready: List[int]) -> None:
        """Output first: a record then stands after what was written before it."""
        for fd in sorted(ready, key=lambda fd: fd == self._records):
            data = os.read(fd, READ_BYTES)
            if not data:
                self._poll.unregister(fd)
                self._open.discard(fd)
            elif fd == self._output:
                self._take_output(self._pump.feed(data))
            else:
                self._take_records(data)

    def _take_output(self, lines: bytes) -> None:
        """Processes that somebody else started for us have no pipe for records: theirs are in the output already."""
        self._write(lines)
        if not self._framed or self.record:
            return
        at = 0
        while not self.record and (at := lines.find(FRAME.encode(), at)) >= 0:
            end = lines.find(b"\n", at)
            self._keep(lines[at + len(FRAME) : end if end >= 0 else len(lines)])
            at += len(FRAME)

    def _keep(self, record: bytes) -> None:
        """The first that tells of a failure is for the termination message."""
        if not self.record and b'"started"' not in record[:40]:
            self.record = record

    def _take_records(self, data: bytes) -> None:
        """Each goes into the log as a framed line; the pump leaves the log at the start of a line."""
        *records, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_RECORD:
            self._rest = b""
        for record in records:
            self._write(FRAME.encode() + record + b"\n")
            self._keep(record)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGTERM and not self._ended:
            if not self.stopped:
                self.stopped = True
                self._deadline = time.monotonic() + self._grace
            self._signal_group(number)
        elif number in PASSED_ON:
            self._signal_group(number)

    def _reap(self) -> None:
        """All that has ended. One SIGCHLD may stand for many."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._on_end(status)

    def _on_end(self, status: int) -> None:
        self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self._signal_group(signal.SIGKILL)
        if os.getpid() == 1:
            _kill(-1, signal.SIGKILL)  # also those in groups of their own: they would hold the pipes open
        self._ended = True
        self._deadline = time.monotonic() + DRAIN

    def _signal_group(self, number: int) -> None:
        _kill(-self._pid, number)

    def _write(self, lines: bytes) -> None:
        """One write for the batch. If nobody reads any more the cell must still run."""
        data = memoryview(b"" if self._muted else lines)
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            self._muted = True


def _signal_pipe() -> int:
    """The reading end of a pipe in which each signal is a byte, its number."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, *PASSED_ON):
        signal.signal(number, lambda *_: None)  # the byte is all
    return reader


def _start(path: str, out: int, record: int, program: Sequence[str]) -> int:
    """The cell's process, or the program that starts such processes, in a group of its own, with nothing to read."""
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    command = [*program, sys.executable, main, "cell", path]
    environ = dict(os.environ)
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


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone, or only zombies
        os.kill(pid, number)
