"""Following a job through its folder: the journal and the logs, polled.

Polling works on every system, for the kernel that started the job as for one that finds it later, and costs a stat a
file. It is quick while something happens and slow when nothing does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ciao.backends.local.hints import files_made, hint
from ciao.backends.local.history import History
from ciao.backends.local.journal import Journal, append
from ciao.backends.local.orphans import kill_strays
from ciao.home import JobFolder
from ciao.logs.archive import Tail, chunk
from ciao.logs.lines import stamp
from ciao.logs.merge import Merge
from ciao.model import Event, Finished, Line, Lines, Notice

__all__ = ["history", "watch"]

QUICK, SLOW = 0.01, 0.1
"""Seconds between two looks: right after news, and after a long silence."""

PATIENCE = 0.5
"""Seconds between two checks that the supervisor lives, while the job is silent."""

_WITH_IT = ", and its replicas were ended with it" if sys.platform == "linux" else "; its replicas may still run"


async def watch(folder: JobFolder) -> AsyncGenerator[Event, None]:
    """All that happens to the job, from its first line to Finished."""
    seen = Watcher(folder)
    pause = QUICK
    while True:
        events = list(seen.look())
        for event in events:
            yield event
            if isinstance(event, Finished):
                return
        pause = QUICK if events else min(SLOW, pause * 1.3)
        await asyncio.sleep(pause if not seen.behind else 0)


def history(folder: JobFolder) -> History:
    """All that the journal says now. A job whose supervisor is gone is lost, and its journal then says so."""
    past, journal = History(folder.read_job()), Journal(folder.journal_file)
    supervised = folder.supervised()  # asked before the last entry is read: it may end between the two
    for entry in journal.read():
        past.add(entry)
    if past.outcome is None and not supervised:
        _mourn(folder, past)
    return past


class Watcher:
    """One look after the other at a job's folder."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.history = History(folder.read_job())
        self.behind = False
        self._journal = Journal(folder.journal_file)
        self._entries: list[Mapping[str, Any]] = []
        self._tails = [Tail(name, folder.log_file(name)) for name in self.history.job.replicas]
        self._limit = chunk(len(self._tails))
        self._merge = Merge()
        self._lost = 0
        self._alive_at = time.monotonic()
        self._finished: Finished | None = None

    def look(self) -> Iterator[Event]:
        """What is new. The end comes last: after every line that was written before it."""
        self._entries += self._journal.read()
        silent = not self._entries
        lines = self._lines()
        while (place := next(filter(self._begins_again, range(len(self._entries))), None)) is not None:
            before, lines = _parted(lines, self._entries[place])
            yield from self._shown(before)
            yield from self._tell(place)
            if not lines and self.behind:
                return  # what is unread may be from before it
            yield from self._tell(1)
        yield from self._shown(lines)
        yield from self._tell(len(self._entries))
        if self._finished is not None and not self.behind:
            yield self._finished
        elif silent and self._finished is None:
            yield from self._told(self._check_supervisor())

    def _begins_again(self, place: int) -> bool:
        """Whether this entry parts the lines of one attempt from those of the next."""
        entry = self._entries[place]
        return entry.get("event") == "attempt" and entry.get("number") != 1 and isinstance(entry.get("time"), float)

    def _tell(self, count: int) -> Iterator[Event]:
        """The first entries that were not told yet."""
        entries, self._entries = self._entries[:count], self._entries[count:]
        for entry in entries:
            yield from self._told(self.history.add(entry))

    def _told(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, Finished):
                yield from self._files()
                self._finished, self.behind = self._advised(event), True  # one more look: something may be unread
            else:
                yield event

    def _files(self) -> Iterator[Event]:
        if words := files_made(self.folder):
            yield Notice(text=words)

    def _advised(self, event: Finished) -> Finished:
        failure = event.outcome.failure
        if failure is None:
            return event
        return Finished(outcome=replace(event.outcome, hint=hint(failure, self.folder, self.history.job.replicas)))

    def _lines(self) -> list[Line]:
        ended = self._finished is not None
        waiting = [t for t in self._tails if self._merge.holds(t.replica)]
        for tail in self._tails:
            if tail not in waiting:
                self._merge.add(tail.replica, tail.read(self._limit, ended=ended), more=tail.more)
        lines = self._merge.take()
        self.behind = bool(waiting) or any(t.more or self._merge.holds(t.replica) for t in self._tails)
        return lines

    def _shown(self, lines: Sequence[Line]) -> Iterator[Event]:
        if lines:
            before, self._lost = self._lost, sum(tail.lost for tail in self._tails)
            yield Lines(lines=tuple(lines), lost=self._lost - before)

    def _check_supervisor(self) -> Iterator[Event]:
        now = time.monotonic()
        if now - self._alive_at < PATIENCE:
            return
        if self.folder.supervised():
            self._alive_at = now
            return
        for entry in self._journal.read():  # it may have ended between our two looks
            yield from self.history.add(entry)
        if self.history.outcome is None:
            yield from _mourn(self.folder, self.history)


def _parted(lines: list[Line], attempt: Mapping[str, Any]) -> tuple[list[Line], list[Line]]:
    """Those that were written before the attempt began, and the others: one clock stamps both."""
    began = stamp(int(attempt["time"] * 1e9))
    place = next((i for i, line in enumerate(lines) if line.stamp > began), len(lines))
    return lines[:place], lines[place:]


def _mourn(folder: JobFolder, past: History) -> list[Event]:
    """The job is lost: write that down, so that it is said the same way ever after."""
    entry: dict[str, Any] = {"event": "lost", "time": time.time(), "words": _last_words(folder)}
    if folder.cancel_file.exists():  # cancelled before the supervisor could listen, or killed for not listening
        entry = {"event": "finished", "time": time.time(), "phase": "cancelled"}
    if not folder.job_file.exists():  # deleted meanwhile, after a cancellation of which we did not read
        return past.add({"event": "finished", "time": time.time(), "phase": "cancelled"})
    kill_strays(folder.path.name)
    with contextlib.suppress(OSError):  # a disk that is full or read-only: it is said again at the next look
        folder.reserve_file.unlink(missing_ok=True)
        append(folder.journal_file, entry)
    return past.add(entry)


def _last_words(folder: JobFolder) -> str:
    try:
        said = folder.supervisor_log.read_text(errors="replace").strip().splitlines()
    except OSError:
        said = []
    how = f"ended: {said[-1][:500]}" if said else f"was killed, by hand or by another program{_WITH_IT}"
    return f"{folder.path.name}: its supervisor {how}"
