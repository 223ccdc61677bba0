"""An API server that answers from a script, over real connections on this machine.

::

    script = {
        "GET /api/v1/pods": [answer({"items": []}), stream(added, CUT), status(410, "Expired", "too old")],
        "POST /api/v1/pods": [answer({"kind": "Pod"}, code=201)],
    }
    async with ApiServer(script) as server:
        ...  # server.url, server.asked, await server.stop(), await server.start()

Each request takes the next answer of its line, and the last one again and again. An answer may also be a function of
the request. What is not in the script gets Kubernetes' plain ``404 page not found``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from ciao.k8s.access import Access
from ciao.k8s.api import Connection, Patience
from ciao.k8s.auth import Credentials

CUT = "cut"
"""In a stream: the connection breaks here."""

STALL = "stall"
"""In a stream: nothing comes any more, until the client or the server closes the connection."""

Step = bytes | str
"""Bytes to send, CUT or STALL."""


class Feed:
    """A stream that the test goes on writing while it is read."""

    def __init__(self, *steps: Step) -> None:
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        for step in steps:
            self.send(step)

    def send(self, step: Step) -> None:
        self._steps.put_nowait(step)

    def end(self) -> None:
        """A clean end."""
        self._steps.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Step]:
        while (step := await self._steps.get()) is not None:
            yield step


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says; ``stream`` instead of ``body`` comes piece by piece and is chunked."""

    code: int = 200
    body: bytes = b""
    content: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Sequence[Step] | Feed | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """As scripts name it."""
        return f"{self.method} {self.path}"


Reply = Answer | Callable[[Asked], Answer]


def answer(body: Mapping[str, Any], *, code: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(code=code, body=json.dumps(body).encode(), headers=headers or {})


def text(words: str, *, code: int = 200, content: str = "text/plain") -> Answer:
    return Answer(code=code, body=words.encode(), content=content)


def status(code: int, reason: str, message: str, *, headers: Mapping[str, str] | None = None, **details: Any) -> Answer:
    """A Kubernetes Status that is no success."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return answer({**body, "details": details, "code": code}, code=code, headers=headers)


def stream(*steps: Step, content: str = "application/json") -> Answer:
    """Pieces, then CUT, STALL or, without one of them, a clean end."""
    return Answer(stream=steps, content=content)


def event(kind: str, item: Mapping[str, Any]) -> bytes:
    """One line of a watch: ``event("ADDED", pod)``."""
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


class ApiServer:
    """Listens on 127.0.0.1 while its ``async with`` lasts; ``stop`` and ``start`` make it go and come back."""

    def __init__(
        self, script: Mapping[str, Reply | Iterable[Reply]] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.open = 0  # streams that are being read
        self._script = {line: _several(replies) for line, replies in (script or {}).items()}
        self._tls = tls
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._connections: set[asyncio.BaseTransport] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def count(self, line: str) -> int:
        """How often something was asked for."""
        return sum(asked.line == line for asked in self.asked)

    async def until_open(self, streams: int, *, seconds: float = 60) -> None:
        """Until so many streams are being read."""
        async with asyncio.timeout(seconds):
            while self.open != streams:  # noqa: ASYNC110 - a count of what goes on, not one event
                await asyncio.sleep(0.01)

    def on(self, line: str, *replies: Reply) -> None:
        """Script a line anew."""
        self._script[line] = list(replies)

    async def start(self) -> None:
        """Listen, and at the same port as before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Break every connection and listen no more."""
        if self._runner:
            self.cut()
            await self._runner.cleanup()
            self._runner = None

    def cut(self) -> None:
        """Break every connection that was used, and go on listening."""
        for connection in self._connections:
            with contextlib.suppress(AttributeError):  # Python 3.11.2, for TLS that was closed twice
                connection.abort()  # type: ignore[attr-defined]  # every transport of a socket has it
        self._connections.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        self.asked.append(asked)
        if request.transport:
            self._connections.add(request.transport)
        reply = self._next(asked)
        if reply.stream is None:
            return web.Response(status=reply.code, body=reply.body, content_type=reply.content, headers=reply.headers)
        self.open += 1
        try:
            return await _streamed(request, reply)
        finally:
            self.open -= 1

    def _next(self, asked: Asked) -> Answer:
        replies = self._script.get(asked.line)
        if not replies:
            return text("404 page not found\n", code=404)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Answer) else reply(asked)


def _several(replies: Reply | Iterable[Reply]) -> list[Reply]:
    return [replies] if isinstance(replies, Answer) or callable(replies) else list(replies)


async def _asked(request: web.Request) -> Asked:
    form = request.content_type == "application/x-www-form-urlencoded"
    raw = b"" if form else await request.read()
    return Asked(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=dict(request.headers),
        body=json.loads(raw) if raw else None,
        form={key: str(value) for key, value in (await request.post()).items()} if form else {},
    )


async def _streamed(request: web.Request, reply: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.code, headers={"Content-Type": reply.content, **reply.headers})
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for step in _steps(reply.stream):
        if step == CUT:
            assert request.transport
            request.transport.abort()
            return response
        if step == STALL:
            await asyncio.Event().wait()  # until the connection is closed
        assert isinstance(step, bytes)
        await response.write(step)
    return response


async def _steps(stream: Sequence[Step] | Feed | None) -> AsyncIterator[Step]:
    if isinstance(stream, Feed):
        async for step in stream:
            yield step
    else:
        for step in stream or ():
            yield step


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Credentials from nowhere, as a source."""

    access: Access

    def load(self) -> Access:
        return self.access


def connected(server: ApiServer | str, *, patience: Patience | None = None, **access: Any) -> Connection:
    """A Connection to this server or address that waits for nothing between two tries. Use it in ``async with``."""
    given = Access(context="fake", server=server if isinstance(server, str) else server.url, **access)
    at_once = patience or Patience(sleep=_no_wait)
    return Connection(given, Credentials(Fixed(access=given), given, environ={}), environ={}, patience=at_once)


async def _no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)
