"""One attempt of a job: all its replicas together, started, followed and ended by one loop.

Imported by the supervisor, which starts with every job: standard library only, and little of it.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time

from ciao.backends.cause import abort_looks_secondary, looks_secondary
from ciao.backends.local.child import Child
from ciao.backends.local.exhaustion import Exhaustion
from ciao.backends.local.orphans import adopt, end_all, kill_strays
from ciao.backends.local.rules import SETTLE_SECONDARY, lingering, settled_at, spared, succeeded, verdict

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ciao.backends.local.limits import Limits
    from ciao.backends.local.supervisor import Supervisor

__all__ = ["Group"]

ADOPT_AFTER = 0.5
"""Seconds after the start at the latest; before, the replicas need the processor for their own start."""

SWEEP = 0.1
"""Seconds after a replica's end at which whoever still holds its pipes is looked for."""

DRAIN = 1.0
"""Seconds for the rest of the output after a replica's end, should somebody else hold its pipe."""


class Group:
    """One attempt, which counts from 1: all replicas together."""

    def __init__(self, supervisor: Supervisor, attempt: int) -> None:
        self.supervisor = supervisor
        self.environment = {**os.environ, "CIAO_ATTEMPT": str(attempt)}
        self.ledger = supervisor.ledger
        self.launch = supervisor.launch
        self.children = [
            Child(p["name"], f"{supervisor.folder}/logs/{p['name']}.log", keep=self.launch["keep_log"])
            for p in self.launch["processes"]
        ]
        self.verdict: tuple[str, str] | None = None
        self.failed_at: float | None = None
        self.won_at: float | None = None
        self.kill_at: float | None = None
        self.adopt_at: float | None = time.monotonic() + ADOPT_AFTER
        self.closing: dict[Child, float] = {}
        self.sweeping: dict[Child, float] = {}
        self.gone: list[Child] = []
        self.lost_at: float | None = None
        self.limits: Limits | None = None
        self.exhaustion = Exhaustion()
        self.job = os.path.basename(supervisor.folder)  # noqa: PTH119  # pathlib costs milliseconds here

    def run(self) -> tuple[str, str]:
        """Start, follow and end the replicas: (phase, reason), where a reason forbids another attempt."""
        self._start()
        while any(c.running for c in self.children) or self.closing:
            self._step()
        end_all(self.job, within=2.0)
        won = succeeded(self.children, self.launch["decisive"], self.launch["least"])
        return self.verdict or (("succeeded", "") if won else ("failed", ""))

    def _start(self) -> None:
        for child, process in zip(self.children, self.launch["processes"], strict=True):
            try:
                environment = {**self.environment, **process["env"]}
                cores = self.launch["cores"].get(child.name, ())
                child.start(process["argv"], environment, self.launch["cwd"], cores=cores)
            except (OSError, ValueError) as e:  # ValueError: a variable that no process can have
                child.code, child.failed = 127, True
                child.close()
                words = getattr(e, "strerror", None) or str(e)
                self._note(child, "failed", code=127, words=f"it could not be started: {words}")
                continue
            self._note(child, "running", pid=child.pid)
        if any(c.failed for c in self.children):
            self._end("failed", "")
        self.limits = limits_of(self.job, self.children, self.launch["memory"])

    def _step(self) -> None:
        by_fd = {fd: c for c in self.children for fd in (c.output, c.records) if fd >= 0}
        for fd in self.supervisor.wait(list(by_fd), self._until_next()):
            self._read(by_fd[fd], fd)
        self._reap()
        self._close_ended()
        self._limits()
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
        """What the replica says. Any process of the user may write into the pipe, so it may be anything."""
        ended = {"ended_by_us": True} if child.ended_by_us else {}
        try:
            record = json.loads(text)
            if record["type"] == "started":
                self._began(child)
                return
            if record["type"] == "done":
                child.done = True
                return
            self.ledger.note("record", replica=child.name, record=record, **ended)
        except (ValueError, TypeError, LookupError, RecursionError):
            return
        error = record.get("error")
        if record["type"] in ("error", "exit") and not child.ended_by_us:
            known = error if record["type"] == "error" and isinstance(error, dict) else {}
            secondary = looks_secondary(str(known.get("ename")), str(known.get("evalue")))
            child.raised = child.raised or not secondary
            self._failed(child, secondary=secondary)

    def _began(self, child: Child) -> None:
        child.user_code = True
        if self.launch["least"] is not None and child.secondary and not child.raised:  # started again below it
            child.failed = child.secondary = False
            self.ledger.note("again", replica=child.name)
        if all(c.user_code for c in self.children) and self.adopt_at is not None:
            self.adopt_at = 0.0

    def _failed(self, child: Child, *, secondary: bool) -> None:
        if not child.failed:
            child.failed, child.secondary = True, secondary
            self.failed_at = self.failed_at or time.monotonic()

    def _limits(self) -> None:
        """Who uses more memory than it asked for has failed, before anybody else can fail because of that."""
        for child, used in self.limits.exceeded() if self.limits is not None else ():
            child.used, child.ended_at = used, time.time()
            if not child.ended_by_us:
                self._failed(child, secondary=False)
        self.exhaustion.look()

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
                self.sweeping[child] = time.monotonic() + SWEEP

    def _close_ended(self) -> None:
        """A replica is over when its pipes are: its last lines come before its end in the journal.

        Who still holds them was left behind by the replica, in a session of its own, and ends now; as in a pod. One
        that cannot be found (there is no /proc) writes to nobody from here on.
        """
        now = time.monotonic()
        for child, deadline in list(self.closing.items()):
            if now > self.sweeping.get(child, math.inf) and (child.output >= 0 or child.records >= 0):
                del self.sweeping[child]
                kill_strays(self.job, child.name)
            if (child.output < 0 and child.records < 0) or now > deadline:
                del self.closing[child]
                self.sweeping.pop(child, None)
                if child.records >= 0:
                    self._read(child, child.records)
                child.close()
                self.supervisor.lost_bytes += child.lost_bytes
                self._ended(child)

    def _ended(self, child: Child) -> None:
        code, when = child.code or 0, child.ended_at
        if self.launch["least"] is not None:
            kill_strays(self.job, child.name)  # torchrun's processes may be in sessions of their own
        if code == 0 and not child.failed:
            self._note(child, "succeeded", code=code, time=when)
        elif child.ended_by_us and not child.failed:
            self._note(child, "ended", code=code, time=when)
        else:
            self._failed(child, secondary=self._last_words(child) and code == -signal.SIGABRT)
            lost = {"lost": True} if self.launch["least"] is not None and code < 0 else {}
            self._note(child, "failed", code=code, time=when, **lost, **self._memory(child))

    def _last_words(self, child: Child) -> bool:
        """Note what a replica left in its log that told nothing; whether it may have followed another's death."""
        if child.failed or not child.code:
            return False
        from ciao.runner import crash  # when there is a crash

        argv = next(p["argv"] for p in self.launch["processes"] if p["name"] == child.name)
        if (record := crash.died(child.tail, cell="".join(argv[3:4]), signal=max(0, -child.code))) is None:
            return True
        self.ledger.note("record", replica=child.name, record=record)
        return abort_looks_secondary(str(record.get("error", {}).get("evalue", "")))

    def _memory(self, child: Child) -> dict[str, object]:
        """That it died for want of memory, if it did: its own, or the machine's."""
        if child.used:
            return {"memory": {"limit": self.launch["memory"][child.name], "peak": child.used}}
        if child.code != -signal.SIGKILL:
            return {}
        return {"memory": {"machine": self.exhaustion.happened()}}

    def _rules(self) -> None:
        now = time.monotonic()
        if self.adopt_at is not None and now >= self.adopt_at:
            self.adopt_at = None
            adopt()
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = now + 1.0
            self._signal(signal.SIGKILL)
        if self.kill_at is None:
            self._spare(now)
            self._decide(now)

    def _decide(self, now: float) -> None:
        found = verdict(
            self.children,
            self.launch["decisive"],
            now=now,
            cancelled=self.supervisor.cancelled,
            failed_at=self.failed_at,
            deadline=self.supervisor.deadline,
            least=self.launch["least"],
        )
        if found is not None and not (found[0] == "succeeded" and self._waits(now)):
            self._end(*found)

    def _spare(self, now: float) -> None:
        """An elastic job goes on without those that it has lost, as long as enough are left."""
        least = self.launch["least"]
        if least is None or not any(c.failed for c in self.children):
            return
        if not spared(self.children, least):
            self.failed_at = self.failed_at or now
            return
        self.failed_at = None
        over = [c for c in self.children if c.code is not None and c not in self.closing]
        lost = [c for c in over if c.failed and c not in self.gone]
        self.lost_at = (self.lost_at or now) if lost else None
        if self.lost_at is not None and (now >= self.lost_at + SETTLE_SECONDARY or len(over) == len(self.children)):
            self._tell_lost(lost)

    def _tell_lost(self, lost: list[Child]) -> None:
        """Not at once: those that have lost it may end as well, and be seen to do so before it."""
        for child in lost:
            self.gone.append(child)
            self.ledger.note("spared", replica=child.name, left=len(self.children) - len(self.gone))

    def _waits(self, now: float) -> bool:
        """The decisive replicas are done; the others may finish what they do, within the grace period."""
        self.won_at = self.won_at or now
        return now < self.won_at + self.launch["grace"] and lingering(self.children, self.launch["endless"])

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
        times = [now + 60.0, *self.closing.values(), *self.sweeping.values()]
        times += [t for t in (self.adopt_at, self.kill_at) if t is not None]
        times += [self.limits.due] if self.limits is not None else []
        times += [self.lost_at + SETTLE_SECONDARY] if self.lost_at is not None and self.failed_at is None else []
        if self.kill_at is None and self.failed_at is not None:
            times.append(settled_at(self.children, self.failed_at))
        elif self.kill_at is None and self.won_at is not None:
            times.append(self.won_at + self.launch["grace"])
        elif self.kill_at is None and self.supervisor.deadline is not None:
            times.append(self.supervisor.deadline)
        return min(times) - now + 0.001

    def _note(self, child: Child, state: str, **fields: object) -> None:
        self.ledger.note("replica", replica=child.name, state=state, **fields)


def limits_of(job: str, children: Iterable[Child], memory: Mapping[str, str]) -> Limits | None:
    """What watches over their memory, if any of them asked for some and this system tells what they use."""
    if not memory or sys.platform != "linux":
        return None
    from ciao.backends.local.limits import Limits  # once they run: other jobs need none of it
    from ciao.backends.local.processes import measurable

    return Limits(job, children, memory) if measurable() else None
