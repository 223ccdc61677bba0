"""A job's events, and beside them a word when it stands still: who stands where, as far as that can be asked."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from ciao.backends.base import Backend
from ciao.errors import BackendError, BackendUnavailable
from ciao.logs.pace import Behind
from ciao.logs.standing import picture, sentence
from ciao.logs.standstill import Standstill, Still, span
from ciao.model import Event, Notice, Standing

__all__ = ["Sleep", "attended"]

Sleep = Callable[[float], Awaitable[None]]

WIDE = 32
"""Replicas of a job that are still asked without somebody's order: each costs a command on a cluster."""

APART = 2.0
"""Seconds between the two questions that tell who moves."""


async def attended(
    events: AsyncGenerator[Event, None],
    backend: Backend,
    tell: Callable[[Event], None],
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> AsyncGenerator[Event, None]:
    """The events as they come. What stands still for ``patience`` seconds is told as a Notice; never, if that is 0.

    ``tell`` is a listener, called between two events. Close this with ``aclosing``.
    """
    async with aclosing(events) as stream:
        if patience <= 0:
            async for event in stream:
                yield event
            return
        watched = _Attention(backend, tell, patience, clock, sleep)
        looking = asyncio.create_task(watched.look())
        try:
            async for event in stream:
                words = watched.standstill.see(event, clock())
                yield event
                if words:
                    yield Notice(text=words)
        finally:
            looking.cancel()


class _Attention:
    def __init__(
        self, backend: Backend, tell: Callable[[Event], None], patience: float, clock: Callable[[], float], sleep: Sleep
    ) -> None:
        self.standstill = Standstill(patience)
        self._backend = backend
        self._tell = tell
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._moving = False

    async def look(self) -> None:
        """For as long as the job runs. A listener that fails is told of the next event, which says so."""
        with contextlib.suppress(Exception):
            while not self.standstill.over:
                await self._sleep(min(15.0, self._patience / 20))
                found = self.standstill.look(self._clock())
                if found is None:
                    continue
                words = await self._words(found)
                if not words:
                    self.standstill.later(found, self._clock())
                elif self.standstill.tell(found):
                    self._tell(Notice(text=words, level="warning"))

    async def _words(self, found: Still | Behind) -> str:
        """Nothing if that is better told later."""
        command = f"`%ciao stacks {self.standstill.job}`"
        what = _what(found, self._clock())
        short = f"{what}: {command} shows where each stands"
        if len(self.standstill.running) > WIDE:
            return short
        try:
            before = await self._backend.stacks(self.standstill.job)
            await self._sleep(APART)
            after = await self._backend.stacks(self.standstill.job)
        except BackendUnavailable:
            return ""  # then no lines can come either
        except BackendError:
            return short
        if isinstance(found, Still) and _all_move(before, after):
            self._moving = not self._moving
            return "" if self._moving else f"{what}, but they work: where they stand changes. {command} shows where"
        where = sentence(picture(after), self.standstill.label)
        return f"{what}: {where}. {command} shows more" if where else short


def _what(found: Still | Behind, now: float) -> str:
    if isinstance(found, Still):
        whom = "any replica" if found.running > 1 else "the replica"
        return f"no line from {whom} for {span(now - found.since)}"
    stays = f"{found.replica} stays at {found.at} for {span(now - found.since)}"
    slow = f"{found.replica} is far behind: at {found.at}"
    return f"{stays if found.stopped else slow}, the others are at {found.others}"


def _all_move(before: Sequence[Standing], after: Sequence[Standing]) -> bool:
    """Every process that answered stands somewhere else than a moment ago."""
    mains = {(one.name, one.threads[0]) for one in before if one.threads}
    later = [(one.name, one.threads[0]) for one in after if one.threads]
    return bool(later) and not any(one in mains for one in later)
