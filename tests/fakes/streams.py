"""An API server in memory, that answers requests and streams from a script; a clock that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Literal

from ciao.errors import BackendUnavailable
from ciao.k8s.backoff import Pace
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError

CUT = BackendUnavailable("the connection broke")


class Stall:
    """In a stream: nothing comes any more."""


STALL = Stall()

Reply = Manifest | Exception
Step = bytes | Exception | Stall | Callable[[], None]
Ask = Mapping[str, str]


def refused(code: int, message: str = "no", *, retry_after: float | None = None) -> ApiError:
    return ApiError(message, code=code, retry_after=retry_after)


class Clock:
    """Each sleep takes no time and is written down."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.slept: list[float] = []

    def pace(self, *, chance: float = 1.0) -> Pace:
        return Pace(sleep=self.sleep, now=lambda: self.time, random=lambda: chance)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def passes(self, seconds: float) -> Callable[[], None]:
        """A step of a stream."""

        def step() -> None:
            self.time += seconds

        return step


class Scripted:
    """Requests and streams each take the next answer of their own script; without one they wait for ever."""

    context = "fake"
    namespace = "default"

    def __init__(self, *, requests: Iterable[Reply] = (), streams: Iterable[Iterable[Step]] = ()) -> None:
        self.requests = list(requests)
        self.streams = [list(steps) for steps in streams]
        self.asked: list[Ask] = []
        self.opened: list[Ask] = []
        self.idles: list[float] = []

    async def request(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
        self.asked.append({"path": path, **(params or {})})
        if not self.requests:
            await asyncio.Event().wait()
        reply = self.requests.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, idle: float
    ) -> AsyncGenerator[bytes, None]:
        self.opened.append({"path": path, **(params or {})})
        self.idles.append(idle)
        steps = self.streams.pop(0) if self.streams else [STALL]
        if not steps or not isinstance(steps[0], Exception):
            yield b""
        for step in steps:
            if isinstance(step, Stall):
                await asyncio.Event().wait()
            elif isinstance(step, Exception):
                raise step
            elif callable(step):
                step()
            else:
                yield step

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""
