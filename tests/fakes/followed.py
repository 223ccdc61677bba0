"""A job that is followed in the background while a test does something to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Protocol

from ciao.backends.base import Backend
from ciao.model import Event, Notice, ReplicaChanged, ReplicaState
from fakes.told import Ran

__all__ = ["Follow", "Followed", "followed"]


class Followed:
    """What a job has told so far."""

    def __init__(self, name: str, backend: Backend) -> None:
        self.name = name
        self.events: list[Event] = []
        self._task = asyncio.create_task(self._follow(backend))

    async def _follow(self, backend: Backend) -> None:
        async with aclosing(backend.watch(self.name)) as events:
            async for event in events:
                self.events.append(event)

    @property
    def ran(self) -> Ran:
        return Ran(list(self.events))

    @property
    def notices(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Notice)]

    def state(self, replica: str) -> tuple[str, str]:
        """The last that was told of it, and why."""
        told = [e.status for e in self.events if isinstance(e, ReplicaChanged) and e.status.replica == replica]
        return (told[-1].state.value, told[-1].reason) if told else (ReplicaState.WAITING.value, "")

    async def until(self, wanted: Callable[[], object], *, seconds: float = 120) -> None:
        """Until something is so. Raises AssertionError if the job ends first, or TimeoutError with what was told."""
        try:
            async with asyncio.timeout(seconds):
                while not wanted():
                    if self._task.done():
                        self._task.result()
                        raise AssertionError(f"the job ended first: {self.events[-3:]}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise TimeoutError(f"the last that was told: {self.events[-3:]}") from None

    async def running(self, *replicas: str) -> None:
        await self.until(lambda: all(self.state(one)[0] == "running" for one in replicas))

    async def end(self, *, seconds: float = 150) -> Ran:
        """All of it."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._task)
        except TimeoutError:
            raise TimeoutError(f"the last that was told: {self.events[-3:]}") from None
        return self.ran

    async def leave(self) -> None:
        """Let go of it; the job goes on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Follow(Protocol):
    def __call__(self, name: str, another: Backend | None = None, /) -> Followed: ...


@contextlib.asynccontextmanager
async def followed(backend: Backend) -> AsyncIterator[Follow]:
    """Who follows jobs of this backend, or of another, until this block ends."""
    followers: list[Followed] = []

    def follow(name: str, another: Backend | None = None, /) -> Followed:
        followers.append(Followed(name, another or backend))
        return followers[-1]

    try:
        yield follow
    finally:
        for one in followers:
            await one.leave()
        await asyncio.sleep(0.05)  # what was cut off closes its sockets
