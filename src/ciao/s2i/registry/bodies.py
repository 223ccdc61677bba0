"""What is sent piece by piece: bytes, a file or another registry's blob."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

from ciao.errors import BundleError
from ciao.s2i.registry.base import Sent

__all__ = ["Body", "Pieces", "grouped", "pieces_of"]

PIECE = 256 * 1024
"""Bytes that are read and sent at once."""
FAREWELL = 100
"""Turns of the loop in which a writer that was cancelled lets go of what it reads."""

Pieces = AsyncGenerator[bytes, None]


async def pieces_of(content: bytes | Path) -> Pieces:
    """The content from its beginning. Close it with ``aclosing``. Raises BundleError for a file that is not there."""
    if isinstance(content, bytes):
        for start in range(0, len(content), PIECE):
            yield content[start : start + PIECE]
        return
    try:
        with content.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece
    except OSError as error:
        raise BundleError(f"what is to be pushed, {content}, cannot be read: {error.strerror}") from None


async def grouped(pieces: AsyncIterator[bytes], size: int) -> Pieces:
    """The same in groups of ``size`` bytes; the last is smaller."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


class Body:
    """The body of one request, of exactly ``size`` bytes.

    It can be read again from its beginning, if the connection was kept and the server had just closed it. What went
    wrong with its source is in ``failure``: aiohttp would tell of a connection that broke.
    """

    def __init__(self, opened: Callable[[], Pieces], size: int, *, sent: Sent | None = None) -> None:
        self.size = size
        self.failure: BundleError | None = None
        self._opened = opened
        self._told = sent or (lambda _: None)
        self._sources: list[Pieces] = []
        self._limit: asyncio.Timeout | None = None
        self._silence = self._answer = 0.0
        self._done = 0

    @contextlib.asynccontextmanager
    async def sending(self, *, silence: float, answer: float) -> AsyncIterator[None]:
        """Within it the body is read. Raises TimeoutError if for so many seconds nothing could be sent or came back."""
        self._silence, self._answer = silence, answer
        async with asyncio.timeout(silence) as limit:
            self._limit = limit
            try:
                yield
            finally:
                self._limit = None
                await self._close()

    def __aiter__(self) -> Body:
        self._sources.append(self._opened())
        self._done = 0
        self._told(0)
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._sources[-1], b"")
        except BundleError as error:
            self.failure = error
            raise
        self._done += len(piece)
        if self._done > self.size or (not piece and self._done < self.size):
            self.failure = BundleError("what is pushed has changed meanwhile", hint="Run the cell again")
            raise self.failure
        self._patient(self._silence if self._done < self.size else self._answer)
        if not piece:
            raise StopAsyncIteration
        self._told(self._done)
        return piece

    def _patient(self, seconds: float) -> None:
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _close(self) -> None:
        """The writer may have been cancelled only now: it is still in its source until its next turn."""
        for source in self._sources:
            for _ in range(FAREWELL):
                if not getattr(source, "ag_running", False):
                    break
                await asyncio.sleep(0)
            await source.aclose()
        self._sources.clear()
