"""Following one container's log: whatever cuts the stream off, every line comes once and in order.

That a stream ends says nothing about the container: a kubelet ends it after hours, a load balancer after minutes. Who
watches the pods knows when the container has ended; then one last read shows that nothing is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ciao.errors import BackendError, BackendUnavailable
from ciao.k8s.backoff import Backoff, Pace
from ciao.k8s.base import Api
from ciao.k8s.containerlog import ContainerLog
from ciao.k8s.errors import ApiError
from ciao.logs.resume import Mark, Reader

__all__ = ["Chunk", "Cursor", "Gap", "NotReady", "follow"]

IDLE = 240.0
"""Seconds of silence after which another connection is made: sooner than load balancers drop silent ones."""

DRAIN = 10.0
"""The same once the container has ended, for then a living connection does not wait."""

SETTLE = 2.0
"""Seconds after a stream's clean end in which its container is mostly told to have ended: a kubelet says so late."""

GIVE_UP = 60.0
"""Seconds for which the log of an ended container is tried to be read where the cluster answers and its node fails."""

ROTATED = "the node had replaced the log's file by a new one"

_WAITS = "waiting to start"
_REMOVED = "unable to retrieve container logs"
_NO_CONTENT, _BAD_REQUEST, _NOT_FOUND, _SERVER_ERROR = 204, 400, 404, 500
_HEALS = frozenset({401, 408, 409, 425, 429})


class NotReady(BackendError):
    """There is no log yet: the container is not scheduled or has not started. The pod's status says when it has."""


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far the log of one instance of a container was read; the next one has one restart more.

    Without a ``uid`` any pod of that name will do.
    """

    uid: str = ""
    restarts: int = 0
    mark: Mark = field(default_factory=Mark)

    def as_json(self) -> dict[str, Any]:
        """For another process to go on with."""
        return {"uid": self.uid, "restarts": self.restarts, "mark": self.mark.as_json()}

    @classmethod
    def of_json(cls, saved: Mapping[str, Any]) -> Cursor:
        """What :meth:`as_json` gave."""
        return cls(uid=saved["uid"], restarts=saved["restarts"], mark=Mark.of_json(saved["mark"]))


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Whole lines in the archive's form, and the cursor behind them."""

    data: bytes
    cursor: Cursor


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Lines are missing here, or it cannot be known that none is. The stamps around it; no ``before`` at the end."""

    after: str
    before: str
    reason: str


def follow(
    api: Api,
    *,
    namespace: str,
    pod: str,
    container: str,
    ended: asyncio.Event,
    cursor: Cursor = Cursor(),
    previous: bool = False,
    idle: float = IDLE,
    pace: Pace = Pace(),  # noqa: B008 - frozen
) -> AsyncGenerator[Chunk | Gap, None]:
    """The lines after ``cursor``, until ``ended`` is set and the last one is read. Close it with ``aclosing``.

    ``ended`` says that this instance has ended: its container has, or has been restarted, or its pod is gone. Lines
    that may be of another instance cost a look at the pod; if the container has been restarted, what is left is read.
    ``previous`` reads what is left of an instance that has been restarted, and ends.
    Raises NotReady if there is no log yet; ApiError for what trying again does not heal, such as a missing right.
    A cluster that cannot be reached is tried for ever.
    """
    source = ContainerLog(api=api, namespace=namespace, pod=pod, container=container)
    return _Follower(source, cursor, ended=ended, previous=previous, idle=idle, pace=pace).run()


class _Over(Exception):
    """Nothing more can be read. The reason is empty if nothing is missing."""


class _Follower:
    def __init__(
        self, source: ContainerLog, cursor: Cursor, *, ended: asyncio.Event, previous: bool, idle: float, pace: Pace
    ) -> None:
        self._source = source
        self._cursor = cursor
        self._reader = Reader(cursor.mark)
        self._ended = ended
        self._previous = previous
        self._idle = idle * (1 - pace.random() / 4)  # many silent streams do not all turn at once
        self._pace = pace
        self._backoff = Backoff(pace)
        self._tried = False
        self._answered = 0.0  # since when the server answers, in seconds since the epoch
        self._whole = False  # the last stream that brought anything came to its end
        self._failing: float | None = None  # since when, after the container's end
        self._done = False
        self._silence: asyncio.Timeout | None = None

    async def run(self) -> AsyncGenerator[Chunk | Gap, None]:
        hurrying = asyncio.create_task(self._hurry())
        try:
            while not self._done:
                async with aclosing(self._attempt()) as told:
                    async for one in told:
                        yield one
        except _Over as over:
            if str(over):
                yield self._gap(reason=str(over))
        finally:
            hurrying.cancel()
            with suppress(asyncio.CancelledError):
                await hurrying

    async def _attempt(self) -> AsyncGenerator[Chunk | Gap, None]:
        """One stream, and the pause after it."""
        last = self._previous or self._ended.is_set()
        pause = 0.0
        try:
            async with aclosing(self._read(last=last)) as told:
                async for one in told:
                    yield one
        except TimeoutError:  # silent: another connection shows whether anybody is there
            pause = self._backoff.failed() if last else 0.0
        except (ApiError, BackendUnavailable) as error:
            if isinstance(error, ApiError):
                await self._weigh(error, last=last)
            elif self._answered and self._pace.now() - self._answered > SETTLE:
                self._backoff.succeeded()  # it was silent, and there
            pause = self._backoff.failed(at_least=getattr(error, "retry_after", None) or 0.0)
        else:
            self._done = last
            pause = 0.0 if last else max(SETTLE, self._backoff.failed())
        self._tried = True
        if pause and (last or not self._ended.is_set()):  # the last read is not put off
            await self._wait(pause)

    async def _read(self, *, last: bool) -> AsyncGenerator[Chunk | Gap, None]:
        """One stream to its clean end. Raises TimeoutError if it is silent for too long."""
        reader, mark = self._reader, self._reader.mark
        doubtful = not mark.newest and (self._tried or (last and not self._previous))  # whose lines come now?
        since, self._answered = reader.connect(), 0.0
        stream = self._source.read(since, follow=not last, previous=self._previous, idle=2 * self._idle)
        async with aclosing(stream):
            while (piece := await self._piece(stream)) is not None:
                self._answered = self._answered or self._pace.now()
                data, gap = reader.feed(piece)
                if data and (gap or doubtful):
                    await self._prove(reader, mark)
                    doubtful = False
                self._whole = self._whole and not data and not reader.unfinished
                if gap:
                    yield self._gap(after=mark.newest, before=data[:30].decode(), reason=ROTATED)
                if data:
                    yield self._chunk(data)
        reader.end()
        if reader.complaint:
            raise ApiError(f"the node says: {reader.complaint}", code=_SERVER_ERROR)
        for one in await self._rest(reader, mark, doubtful=doubtful) if last else ():
            yield one
        self._whole = True

    async def _rest(self, reader: Reader, mark: Mark, *, doubtful: bool) -> list[Chunk | Gap]:
        """What is to be said at the end of the last stream."""
        told = list[Chunk | Gap]()
        if doubtful or not reader.overlapped:
            await self._prove(reader, mark)
        joined = reader.overlapped or self._whole
        data, gap = reader.finish()
        if gap or not joined:
            told.append(self._gap(after=mark.newest, before=data[:30].decode(), reason=ROTATED))
        if data:
            told.append(self._chunk(data))
        return told

    def _chunk(self, data: bytes) -> Chunk:
        self._backoff.succeeded()
        self._failing = None
        return Chunk(data=data, cursor=replace(self._cursor, mark=self._reader.mark))

    def _gap(self, *, reason: str, after: str = "", before: str = "") -> Gap:
        return Gap(after=after or self._reader.mark.newest, before=before, reason=reason)

    async def _piece(self, stream: AsyncGenerator[bytes, None]) -> bytes | None:
        async with asyncio.timeout(DRAIN if self._ended.is_set() else self._idle) as self._silence:
            return await anext(stream, None)

    async def _hurry(self) -> None:
        """A stream that is silent although its container has ended is not waited for as long as others."""
        await self._ended.wait()
        if self._silence:
            with suppress(RuntimeError):  # that wait is over
                self._silence.reschedule(asyncio.get_running_loop().time() + DRAIN)

    async def _wait(self, seconds: float) -> None:
        """A pause, which the container's end cuts short."""
        if self._ended.is_set():
            await self._pace.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._pace.sleep(seconds)), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _prove(self, reader: Reader, mark: Mark) -> None:
        """That lines which nothing ties to those before are of the same instance, not of its successor.

        Until that is sure they do not count: whatever is raised, the next stream begins from the mark.
        """
        self._reader = Reader(mark)
        if not await self._still_there():
            raise BackendUnavailable("the container was restarted")  # and its previous log is read next
        self._reader = reader

    async def _still_there(self) -> bool:
        """Whether the log that was asked for is this instance's; if not, from now on the previous one is read."""
        later = await self._source.later(uid=self._cursor.uid, restarts=self._cursor.restarts)
        if later == int(self._previous):
            return True
        if later == 1:
            self._previous = True
            return False
        raise self._over("the log was removed before it was read to its end")

    def _over(self, reason: str) -> _Over:
        return _Over("" if self._whole else reason)

    async def _weigh(self, error: ApiError, *, last: bool) -> None:
        """A refusal: return if trying again may help."""
        waits = error.code == _NO_CONTENT or (error.code == _BAD_REQUEST and _WAITS in error.message)
        if waits and not last:
            raise NotReady(error.message) from error
        if waits and not self._reader.mark.newest:
            raise _Over  # it never started
        if last and (_REMOVED in error.message or (self._previous and error.code == _BAD_REQUEST)):
            raise self._over("the log was removed before it was read to its end")
        if waits or error.code == _NOT_FOUND:
            await self._look()
        elif not _heals(error):
            raise error
        if last:
            self._failing = self._failing or self._pace.now()
            if self._pace.now() - self._failing > GIVE_UP:
                raise self._over(error.message)

    async def _look(self) -> None:
        try:
            await self._still_there()
        except BackendUnavailable:
            return
        except ApiError as error:
            if not _heals(error):
                raise


def _heals(error: ApiError) -> bool:
    return error.code in _HEALS or error.code >= _SERVER_ERROR
