"""Process 1 of a pod: starts the cell's process, or several, pumps their output, ends them, tells how they ended.

On a user's machine it stands for a replica of several processes, below a supervisor (upstream.py).

One loop over a poll, no threads: signals come in as bytes through ``signal.set_wakeup_fd``, so nothing is done in a
handler and none is missed while the loop is busy. Each process runs in a group of its own, with one pipe for
its output (standard output and error, in the order of writing) and one for its records.

* A signal for us (HUP, INT, USR1, USR2) is passed on to the groups.
* SIGTERM too; after CIAO_GRACE seconds (default 5) SIGKILL follows, and the exit status is 143 whatever the code did
  with the signal: an operator would take a 0 for success.
* When a main process has ended, what it left behind is killed; after the last of them the pipes are drained.
* Of several processes the first that fails ends the others, and what is told is its end.
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

from .process import Process, kill
from .upstream import Upstream, end_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence

READ_BYTES = 256 * 1024
DRAIN = 1.0  # seconds for a pipe that a process outside the groups still holds
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def main(path: str, *program: str) -> None:
    """Run the cell to its end; leaves by SystemExit. A ``program`` starts its processes, perhaps elsewhere."""
    upstream = Upstream()
    _settle()
    _take_along(os.path.dirname(path), upstream)
    cell = _Cell(float(os.environ.get("CIAO_GRACE", "5")), upstream)
    try:
        cell.start(path, program)
    except OSError as error:
        _not_started(
            "%s cannot be started: %s" % (program[0] if program else sys.executable, error.strerror), 127, upstream
        )
    from .termination import write_message  # while the cell starts: it takes as long as all the rest of us

    cell.watch()
    died = b"" if cell.stopped else cell.told.died()
    cell.write(upstream.told([died] if died else []))
    if upstream.supervised:
        end_as(cell.exit_code if cell.stopped else cell.status)
    write_message(cell.told.record, cell.status, stopped=cell.stopped)
    sys.exit(cell.exit_code)


def _settle() -> None:
    """Into the working directory, with all variables. Outside of a pod of ours nothing tells of them."""
    work = os.environ.pop("CIAO_WORK", "")
    if work:
        with contextlib.suppress(OSError):  # a patch took it away
            os.chdir(work)
    if "CIAO_VARIABLES" in os.environ or "CIAO_ROLES" in os.environ:
        from .variables import complete

        complete(os.environ)


def _take_along(code: str, upstream: Upstream) -> None:
    """Use what lies beside the cell's file, once for all of its processes."""
    if not any(os.path.isdir(code + name) for name in ("/files", "/modules", "/site")):
        return
    from . import along

    along.set_paths(code)
    try:
        along.place_once(code)
    except OSError as error:
        _not_started(along.words(error), 1, upstream)
    os.environ[along.PLACED] = os.uname()[1]


def _not_started(words: str, status: int, upstream: Upstream) -> None:
    """The image lacks a program, most probably."""
    from .record import exit_line
    from .termination import write_message

    record = exit_line(words, at=time.time()).encode()
    if upstream.supervised:
        upstream.told([record])
    else:
        write_message(record, status, stopped=False)
    sys.stderr.write(words + "\n")
    sys.exit(status)


class _Cell:
    """All processes of the cell, from start to end."""

    def __init__(self, grace: float, upstream: Upstream) -> None:
        self.stopped = False
        self._upstream = upstream
        self._processes: List[Process] = []
        self._failed: Optional[Process] = None
        self._grace = grace
        self._deadline: Optional[float] = None
        self._muted = False
        self._open: Dict[int, Process] = {}
        self._signals = _signal_pipe()  # before the start: what comes from now on is not lost
        self._poll = select.poll()
        self._poll.register(self._signals, select.POLLIN)

    def start(self, path: str, program: Sequence[str]) -> None:
        """One process, or as many as CIAO_NPROC says. OSError if there is no such program."""
        count = 1 if program else int(os.environ.get("CIAO_NPROC") or 1)
        for environ in _environments(count):
            process = Process(path, program, environ, tied=self._upstream.supervised)
            self._processes.append(process)
            for fd in (process.output, process.records):
                self._poll.register(fd, select.POLLIN)
                self._open[fd] = process

    @property
    def told(self) -> Process:
        """The process whose end is told: the first that failed."""
        return self._failed or self._processes[0]

    @property
    def status(self) -> int:
        """Its exit code, negative for a signal."""
        return self.told.status or 0

    @property
    def exit_code(self) -> int:
        """Ours."""
        if self.stopped:
            return 128 + signal.SIGTERM
        return self.status if self.status >= 0 else 128 - self.status

    def watch(self) -> None:
        """Until all processes have ended and their pipes are empty."""
        while self._running or self._open:
            ready = [fd for fd, _ in self._poll.poll(self._wait())]
            if self._signals in ready:
                for number in os.read(self._signals, 4096):
                    self._on_signal(number)
            self._move([fd for fd in ready if fd in self._open])
            if self._deadline is not None and time.monotonic() >= self._deadline:
                if not self._running:
                    break
                self._signal_all(signal.SIGKILL)
                self._deadline = None
        for process in self._processes:
            self.write(process.take_output(b"") + process.last_words)

    @property
    def _running(self) -> bool:
        return any(process.status is None for process in self._processes)

    def _wait(self) -> Optional[float]:
        """Milliseconds until something is due."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic()) * 1000 + 1

    def _move(self, ready: List[int]) -> None:
        """Output first: a record then stands after what was written before it. The log is at the start of a line."""
        for fd in sorted(ready, key=lambda fd: fd == self._open[fd].records):
            process, data = self._open[fd], os.read(fd, READ_BYTES)
            if not data:
                self._poll.unregister(fd)
                del self._open[fd]
            elif fd == process.output:
                self.write(process.take_output(data))
            else:
                self._tell(process, process.take_records(data))

    def _tell(self, process: Process, records: List[bytes]) -> None:
        """A log may have all of them; who listens gets those of the first that failed, which made the others fail."""
        if self._upstream.supervised:
            self._reap()
            if self._failed not in (None, process):
                return
        self.write(self._upstream.told(records))

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGTERM and self._running:
            self.stopped = True
            self._end()
        elif number in PASSED_ON:
            self._signal_all(number)

    def _reap(self) -> None:
        """All that has ended. One SIGCHLD may stand for many."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for process in self._processes:
                if process.pid == pid:
                    if os.WIFSIGNALED(status):
                        self._hear(process)
                    process.ended(status)
                    self._on_end(process)

    def _hear(self, process: Process) -> None:
        """What it told before it ended may stand in its pipe."""
        while process.records in self._open and select.select([process.records], [], [], 0)[0]:
            data = os.read(process.records, READ_BYTES)
            if not data:
                return
            records = process.take_records(data)
            if not self._upstream.supervised or self._failed in (None, process):
                self.write(self._upstream.told(records))

    def _on_end(self, process: Process) -> None:
        if process.status and self._failed is None:
            self._failed = process
            self._end()
        if self._running:
            return
        if os.getpid() == 1:
            kill(-1, signal.SIGKILL)  # also those in groups of their own: they would hold the pipes open
        self._deadline = time.monotonic() + DRAIN

    def _end(self) -> None:
        """Ask all to end; what does not within the grace period is killed. A second call asks again."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._grace
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for process in self._processes:
            if process.status is None:
                process.signal(number)

    def write(self, lines: bytes) -> None:
        """One write for the batch. If nobody reads any more the cell must still run."""
        data = memoryview(b"" if self._muted else lines)
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            self._muted = True


def _environments(count: int) -> List[Dict[str, str]]:
    """One for each process of this pod."""
    if count == 1:
        return [dict(os.environ)]
    from .variables import local

    return [local(os.environ, number, count) for number in range(count)]


def _signal_pipe() -> int:
    """The reading end of a pipe in which each signal is a byte, its number."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, *PASSED_ON):
        signal.signal(number, lambda *_: None)  # the byte is all
    return reader
