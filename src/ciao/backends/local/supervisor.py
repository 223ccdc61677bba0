"""The small process that owns one job and its folder, in a session of its own.

It starts the replicas, moves their output into the archive, reaps them, applies the rules (success, retries, timeout,
clean-up, cancellation) and writes down what happens in the journal. It plays the part that the runner's ``init`` has in
a pod. The kernel may come and go: it only reads what stands in the folder, and sends SIGTERM to cancel.

It runs with ``python -I -S``, isolated from the user's environment and without site-packages, so that it starts quickly
and nothing that the user installs can disturb it. It imports the standard library and light modules.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time

from ciao.backends.cause import looks_secondary
from ciao.backends.local.child import Child
from ciao.backends.local.orphans import adopt, end_all

__all__ = ["Supervisor", "main"]

SETTLE = 0.3
"""Seconds after the first failure in which the others may still show theirs, so that the first by cause is found."""

SETTLE_SECONDARY = 3.0
"""The same while all failures look like the loss of a peer: the peer's own end has not been seen yet."""

ADOPT_AFTER = 0.5
"""Seconds after the start at the latest; before, the replicas need the processor for their own start."""

DRAIN = 1.0
"""Seconds for the rest of the output after a replica's end, should somebody else hold its pipe."""


class Supervisor:
    """Runs one job to its end. ``launch`` is the content of launch.json."""

    def __init__(self, folder: str, launch: dict) -> None:  # type: ignore[type-arg]  # JSON, checked by its writer
        self.folder = folder
        self.launch = launch
        self.started = time.monotonic()
        self.cancelled = os.path.exists(f"{folder}/cancel")  # noqa: PTH110  # pathlib costs milliseconds here
        self.children: list[Child] = []
        self.lost_bytes = 0
        self._journal = os.open(f"{folder}/journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._wake = _wake_on_signals(self._cancel)

    def run(self) -> None:
        """All attempts; the last entry of the journal is ``finished``."""
        self.note("supervisor", pid=os.getpid())
        attempt, attempts = 0, 1 + self.launch["retries"]
        phase = reason = ""
        while phase != "succeeded" and not reason and attempt < attempts:
            attempt += 1
            self.note("attempt", number=attempt, of=attempts)
            phase, reason = Group(self).run()
        self.note("finished", phase=phase, reason=reason, timeout=self.launch["timeout"], lost_bytes=self.lost_bytes)

    def note(self, event: str, **fields: object) -> None:
        """Write one entry into the journal."""
        entry = json.dumps({"event": event, "time": time.time(), **fields}) + "\n"
        os.write(self._journal, entry.encode())

    def wait(self, fds: list[int], timeout: float) -> list[int]:
        """Descriptors that can be read; returns early when a signal arrives."""
        ready, _, _ = select.select([*fds, self._wake], [], [], max(0.0, timeout))
        if self._wake in ready:
            ready.remove(self._wake)
            os.read(self._wake, 4096)
        return ready

    def _cancel(self, *_: object) -> None:
        self.cancelled = True


class Group:
    """One attempt: all replicas together."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.launch = supervisor.launch
        self.children = [
            Child(p["name"], f"{supervisor.folder}/logs/{p['name']}.log") for p in self.launch["processes"]
        ]
        self.verdict: tuple[str, str] | None = None
        self.failed_at: float | None = None
        self.kill_at: float | None = None
        self.adopt_at: float | None = time.monotonic() + ADOPT_AFTER
        self.closing: dict[Child, float] = {}

    def run(self) -> tuple[str, str]:
        """Start, follow and end the replicas: (phase, reason), where a reason forbids another attempt."""
        self._start()
        while any(c.running for c in self.children) or self.closing:
            self._step()
        end_all(within=2.0)
        return self.verdict or self._judge() or ("failed", "")

    def _start(self) -> None:
        for child, process in zip(self.children, self.launch["processes"], strict=True):
            try:
                child.start(process["argv"], {**os.environ, **process["env"]}, self.launch["cwd"])
            except OSError as e:
                child.code, child.failed = 127, True
                self._note(child, "failed", code=127, words=f"it could not be started: {e.strerror}")
                continue
            self._note(child, "running", pid=child.pid)
        if any(c.failed for c in self.children):
            self._end("failed", "")

    def _step(self) -> None:
        by_fd = {fd: c for c in self.children for fd in (c.output, c.records) if fd >= 0}
        for fd in self.supervisor.wait(list(by_fd), self._until_next()):
            self._read(by_fd[fd], fd)
        self._reap()
        self._close_ended()
        self._rules()

    def _read(self, child: Child, fd: int) -> None:
        if fd == child.output:
            if not child.read_output():
                os.close(fd)
                child.output = -1
            return
        records, more = child.read_records()
        for record in records:
            self._record(child, record)
        if not more:
            os.close(fd)
            child.records = -1

    def _record(self, child: Child, text: bytes) -> None:
        try:
            record = json.loads(text)
            kind, error = record["type"], record.get("error") or {}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return  # another process of the user wrote into the pipe
        if kind == "started":
            child.user_code = True
            if all(c.user_code for c in self.children) and self.adopt_at is not None:
                self.adopt_at = 0.0
            return
        self.supervisor.note("record", replica=child.name, record=record)
        if kind in ("error", "exit") and not child.ended_by_us:
            secondary = kind == "error" and looks_secondary(str(error.get("ename")), str(error.get("evalue")))
            self._failed(child, secondary=secondary)

    def _failed(self, child: Child, *, secondary: bool) -> None:
        if not child.failed:
            child.failed, child.secondary = True, secondary
            self.failed_at = self.failed_at or time.monotonic()

    def _reap(self) -> None:
        by_pid = {c.pid: c for c in self.children}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (child := by_pid.get(pid)) is not None:
                child.reaped(os.waitstatus_to_exitcode(status))
                self.closing[child] = time.monotonic() + DRAIN

    def _close_ended(self) -> None:
        """A replica is over when its pipes are: its last lines come before its end in the journal."""
        now = time.monotonic()
        for child, deadline in list(self.closing.items()):
            if (child.output < 0 and child.records < 0) or now > deadline:
                del self.closing[child]
                child.close()
                self.supervisor.lost_bytes += child.lost_bytes
                self._ended(child)

    def _ended(self, child: Child) -> None:
        code = child.code or 0
        if code == 0 and not child.failed:
            self._note(child, "succeeded", code=code)
        elif child.ended_by_us and not child.failed:
            self._note(child, "ended", code=code)
        else:
            self._failed(child, secondary=code == -signal.SIGABRT)
            self._note(child, "failed", code=code)

    def _rules(self) -> None:
        now = time.monotonic()
        if self.adopt_at is not None and now >= self.adopt_at:
            self.adopt_at = None
            adopt()
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = now + 1.0
            self._signal(signal.SIGKILL)
        if self.kill_at is None:
            self._decide(now)

    def _decide(self, now: float) -> None:
        timeout = self.launch["timeout"]
        if self.supervisor.cancelled:
            self._end("cancelled", "cancelled")
        elif timeout is not None and now - self.supervisor.started > timeout:
            self._end("failed", "timeout")
        elif (verdict := self._judge()) is not None:
            self._end(*verdict)
        elif self.failed_at is not None and now >= self._settled_at():
            self._end("failed", "")

    def _judge(self) -> tuple[str, str] | None:
        """Success, if all decisive replicas have it and nobody failed but for their leaving."""
        decisive = [c for c in self.children if c.name in self.launch["decisive"]]
        done = all(c.code == 0 and not c.failed for c in decisive)
        return ("succeeded", "") if done and all(c.secondary for c in self.children if c.failed) else None

    def _settled_at(self) -> float:
        failed = [c for c in self.children if c.failed]
        wait = SETTLE_SECONDARY if all(c.secondary for c in failed) else SETTLE
        return (self.failed_at or 0.0) + wait

    def _end(self, phase: str, reason: str) -> None:
        """End all that still runs: politely first, then not."""
        self.verdict = (phase, reason)
        self.kill_at = time.monotonic() + self.launch["grace"]
        for child in self.children:
            child.ended_by_us = child.ended_by_us or child.running
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for child in self.children:
            if child.running:
                child.signal(number)

    def _until_next(self) -> float:
        now = time.monotonic()
        times = [now + 60.0, *self.closing.values()]
        times += [t for t in (self.adopt_at, self.kill_at) if t is not None]
        if self.kill_at is None and self.failed_at is not None:
            times.append(self._settled_at())
        if self.kill_at is None and self.launch["timeout"] is not None:
            times.append(self.supervisor.started + self.launch["timeout"])
        return min(times) - now + 0.001

    def _note(self, child: Child, state: str, **fields: object) -> None:
        self.supervisor.note("replica", replica=child.name, state=state, **fields)


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
    with open(f"{folder}/launch.json", encoding="utf-8") as file:  # noqa: PTH123  # pathlib costs milliseconds here
        launch = json.load(file)
    Supervisor(folder, launch).run()
    os._exit(0)  # nothing is left to tidy, and whoever waits for the lock waits for this
