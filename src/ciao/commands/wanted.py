"""Which lines of a log are asked for: of one replica, since a time, that match an expression, the last of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ciao.errors import CommandError
from ciao.logs.lines import stamp
from ciao.logs.merge import Merge
from ciao.model import Event, Finished, Line, Lines, Phase, Summary

__all__ = ["HERE", "Pace", "Wanted", "marked", "pace_of"]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LENGTH = re.compile(r"(\d{1,6})([dhms])", re.ASCII)


class Pace(NamedTuple):
    """Seconds without news after which the lines so far are thought to be all: before the first of them, and after."""

    first: float
    quiet: float


HERE = Pace(first=0.3, quiet=0.3)
AWAY = Pace(first=3.0, quiet=0.7)


def pace_of(summary: Summary) -> Pace:
    """A job on a cluster has its lines far away, if it has any."""
    away = summary.job.backend != "local" and summary.phase is Phase.RUNNING
    return AWAY if away else HERE


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """``since`` is a stamp; ``tail`` is how many of the lines that match, from the end."""

    replica: str | None = None
    since: str = ""
    pattern: re.Pattern[str] | None = None
    tail: int | None = None

    @classmethod
    def of(cls, *, tail: str | None = None, since: str | None = None, grep: str | None = None) -> Wanted:
        """As they were typed. Raises CommandError."""
        return cls(tail=_count(tail), since=_moment(since, now=time.time()), pattern=_pattern(grep))

    @property
    def narrow(self) -> bool:
        """Lines of the replica may be left out whatever their number."""
        return bool(self.since or self.pattern)

    def of_them(self, lines: Iterable[Line]) -> tuple[Line, ...]:
        """The lines that are asked for, however many."""
        return tuple(line for line in lines if self._matches(line))

    async def select(self, events: AsyncGenerator[Event, None], *, pace: Pace) -> AsyncGenerator[Event, None]:
        """A job's events with the lines that are asked for: the last of those so far, and all that follow."""
        shown = self._narrowed(events) if self.tail is None else self._tailed(events, _Last(self.tail), pace)
        async with aclosing(shown) as stream:
            async for event in stream:
                yield event

    async def _narrowed(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        async with aclosing(events) as stream:
            async for event in stream:
                if not isinstance(event, Lines):
                    yield event
                elif lines := self.of_them(event.lines):
                    yield Lines(lines=lines)

    async def _tailed(
        self, events: AsyncGenerator[Event, None], last: _Last, pace: Pace
    ) -> AsyncGenerator[Event, None]:
        holding = True
        async with aclosing(marked(events, pace)) as stream:
            async for event in stream:
                if holding and (event is None or isinstance(event, Finished)):
                    holding = False
                    if lines := last.lines():
                        yield Lines(lines=lines)
                if isinstance(event, Lines):
                    lines = self.of_them(event.lines)
                    if holding:
                        last.add(lines)
                    elif lines:
                        yield Lines(lines=lines)
                elif event is not None:
                    yield event

    def _matches(self, line: Line) -> bool:
        if self.replica not in (None, line.replica) or line.stamp < self.since:
            return False
        return self.pattern is None or self.pattern.search(line.text) is not None


class _Last:
    """The last lines of all replicas by their time; those of one replica come before those of another."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._of: dict[str, deque[Line]] = {}

    def add(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._of.setdefault(line.replica, deque(maxlen=self._number)).append(line)

    def lines(self) -> tuple[Line, ...]:
        merge = Merge()
        for replica, lines in self._of.items():
            merge.add(replica, list(lines))
        return tuple(merge.take()[-self._number :])


async def marked(events: AsyncGenerator[Event, None], pace: Pace) -> AsyncGenerator[Event | None, None]:
    """The events, and once, between two of them, None: what there was so far is told.

    That is when nothing comes for a while, or when lines come that were written after the question.
    """
    asked, patience = stamp(time.time_ns()), _Patience(pace)
    coming: asyncio.Task[Event | None] | None = None
    async with aclosing(events):
        try:
            while True:
                coming = coming or asyncio.create_task(_next(events))
                done, _ = await asyncio.wait([coming], timeout=patience.seconds)
                if not done:
                    patience.seconds = None
                    yield None
                    continue
                event, coming = coming.result(), None
                if event is None:
                    return
                yield event
                if patience.over(event, asked):
                    yield None
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.wait([coming])


class _Patience:
    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.seconds: float | None = pace.first

    def over(self, event: Event, asked: str) -> bool:
        """Whether this event is newer than the question; only once."""
        if self.seconds is None or not isinstance(event, Lines) or not event.lines:
            return False
        self.seconds = self._pace.quiet if event.lines[-1].stamp <= asked else None
        return self.seconds is None


async def _next(events: AsyncGenerator[Event, None]) -> Event | None:
    return await anext(events, None)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise CommandError("--tail takes a whole number, 1 or more", hint="Write for example: --tail 20")
    return int(text)


def _moment(text: str | None, *, now: float) -> str:
    """``10m`` and ``1h30m`` before now, or a time of day or date; without a zone it is the clock's on the wall."""
    if text is None:
        return ""
    if (seconds := _length(text)) is not None:
        return stamp(int((now - seconds) * 1e9))
    try:
        clock = re.fullmatch(r"\d\d:\d\d(:\d\d)?", text)
        today = time.strftime("%Y-%m-%dT", time.localtime(now))
        return stamp(int(datetime.fromisoformat(f"{today}{text}" if clock else text).timestamp() * 1e9))
    except (ValueError, OverflowError, OSError):
        hint = "Write for example: --since 10m, --since 14:30 or --since 2026-01-31T14:30:00Z"
        raise CommandError(f"--since does not know the time {text!r}", hint=hint) from None


def _length(text: str) -> int | None:
    found = LENGTH.findall(text)
    if not found or "".join(map("".join, found)) != text:
        return None
    return sum(int(number) * UNITS[unit] for number, unit in found)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        hint = "It is a regular expression of Python's: put a backslash before each of .^$*+?{}[]|() that means itself"
        raise CommandError(f"--grep cannot be read: {error}", hint=hint) from None
