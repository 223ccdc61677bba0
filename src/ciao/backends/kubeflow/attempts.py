"""Further attempts of the jobs of this process: each is made once, however many watch the job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Attempts"]


class Attempts:
    """An attempt goes on to be made when one of those who watch lets go, and is given up when the job is cancelled."""

    def __init__(self) -> None:
        self._making: dict[tuple[str, int], asyncio.Task[str]] = {}
        self._given_up: set[str] = set()

    async def make(self, name: str, number: int, work: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """What ``work`` gives: the uid of the job's new object. The first who asks has it done."""
        if (name, number) not in self._making:
            self._making[name, number] = asyncio.create_task(work())
        return await asyncio.shield(self._making[name, number])

    async def made(self, name: str) -> None:
        """Wait until no attempt of the job is being made: until then it may not be on its cluster."""
        if tasks := self._of(name):
            await asyncio.wait(tasks)

    async def give_up(self, name: str) -> bool:
        """Make no more of them; what was created is found on the cluster afterwards. Whether one was being made."""
        tasks = self._of(name)
        if any([task.cancel() for task in tasks]):  # noqa: C419  # all of them
            self._given_up.add(name)
        await asyncio.gather(*tasks, return_exceptions=True)
        return name in self._given_up

    def _of(self, name: str) -> list[asyncio.Task[str]]:
        return [task for (job, _), task in self._making.items() if job == name]
