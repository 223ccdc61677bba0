"""The small process that owns one job and its folder, in a session of its own.

It starts the replicas, moves their output into the archive, reaps them, applies the rules (success, retries, timeout,
clean-up, cancellation) and writes down what happens in the journal. It plays the part that the runner's ``init`` has in
a pod. The kernel may come and go: it only reads what stands in the folder, and sends SIGTERM to cancel.

It runs with ``python -I -S``, isolated from the user's environment and without site-packages, so that it starts quickly
and nothing that the user installs can disturb it. It imports the standard library and light modules.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import time

from ciao.backends.local.group import Group
from ciao.backends.local.ledger import Ledger

__all__ = ["Supervisor", "main"]


class Supervisor:
    """Runs one job to its end. ``launch`` is the content of launch.json."""

    def __init__(self, folder: str, launch: dict) -> None:  # type: ignore[type-arg]  # JSON, checked by its writer
        self.folder = folder
        self.launch = launch
        timeout = launch["timeout"]
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.cancelled = os.path.exists(f"{folder}/cancel")  # noqa: PTH110  # pathlib costs milliseconds here
        self.lost_bytes = 0
        self.ledger = Ledger(f"{folder}/journal.jsonl")
        self._wake = _wake_on_signals(self._cancel)

    def run(self) -> None:
        """All attempts; the last entry of the journal is ``finished``."""
        self.ledger.note("supervisor", pid=os.getpid())
        _allow_files(len(self.launch["processes"]))
        attempt, attempts = 0, 1 + self.launch["retries"]
        phase = reason = ""
        while phase != "succeeded" and not reason and attempt < attempts:
            if self.cancelled:
                phase = reason = "cancelled"
            elif attempt and self.deadline is not None and time.monotonic() > self.deadline:
                break  # its failure is the job's: another attempt would only be ended
            else:
                attempt += 1
                self.ledger.note("attempt", number=attempt, of=attempts)
                phase, reason = Group(self, attempt).run()
        fields = {"timeout": self.launch["timeout"], "lost_bytes": self.lost_bytes}
        self.ledger.note("finished", phase=phase, reason=reason, **fields)
        self.ledger.close()

    def wait(self, fds: list[int], timeout: float) -> list[int]:
        """Descriptors that can be read; returns early when a signal arrives."""
        if self.ledger.waiting and not self.ledger.flush():
            timeout = min(timeout, 1.0)  # the disk is full: look again
        poll = select.poll()  # select would fail at descriptor 1024
        for fd in (*fds, self._wake):
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(max(0.0, timeout) * 1000)]
        if self._wake in ready:
            ready.remove(self._wake)
            os.read(self._wake, 4096)
        return ready

    def _cancel(self, *_: object) -> None:
        self.cancelled = True


def _tell_who(lock: str) -> None:
    """Whose lock it is. Who started us writes the same, unless it was killed before: nobody could cancel us then."""
    with contextlib.suppress(OSError):  # a full disk
        fd = os.open(lock, os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, str(os.getpid()).encode())
        os.close(fd)


def _allow_files(replicas: int) -> None:
    """Room for four descriptors a replica and the ports' locks, where the limit is low (macOS: 256)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 64 + 6 * replicas
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):  # a system has limits of its own beyond these
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _wake_on_signals(cancel) -> int:  # type: ignore[no-untyped-def]  # a signal handler
    """A descriptor that becomes readable with every SIGTERM (cancel) and SIGCHLD."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, cancel)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGHUP):  # by a handler: SIG_IGN would be inherited by the replicas
        signal.signal(ignored, lambda *_: None)
    return reader


def main(folder: str) -> None:
    """Supervise the job in this folder until it is over."""
    _tell_who(f"{folder}/lock")
    with open(f"{folder}/launch.json", encoding="utf-8") as file:  # noqa: PTH123  # pathlib costs milliseconds here
        launch = json.load(file)
    Supervisor(folder, launch).run()
    os._exit(0)  # nothing is left to tidy, and whoever waits for the lock waits for this
