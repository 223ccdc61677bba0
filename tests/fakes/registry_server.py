"""A registry that answers from a script, over real connections on this machine, for what no real one does when asked.

::

    script = {"GET /v2/a/manifests/1": [error(503, "UNAVAILABLE"), Reply(body=raw, headers=KIND)]}
    async with RegistryServer(script) as server:
        ...  # server.address, server.asked, server.lines

Each request takes the next reply of its line, and the last one again and again; a reply may also be a function of the
request, and ``*`` is the line of all that have none. CUT breaks the connection; as a request it does so in its middle.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

__all__ = ["CUT", "Asked", "RegistryServer", "Reply", "challenge", "error"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came. ``path`` is without its query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def authorization(self) -> str:
        return self.headers.get("Authorization", "")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """``cut`` is after how many bytes of the body the connection breaks; 0 is before the answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


Answer = Reply | Callable[[Asked], Reply]

CUT = Reply(cut=0)


def error(status: int, code: str, message: str = "", **headers: str) -> Reply:
    """A refusal in a registry's words; ``Retry_After="3"`` is a header."""
    body = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=body, headers={"Content-Type": "application/json", **named})


def challenge(words: str) -> Reply:
    """A 401 with what it asks for."""
    return error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=words)


class RegistryServer:
    """Listens on 127.0.0.1, or on another loopback address, while its ``async with`` lasts."""

    def __init__(
        self,
        script: Mapping[str, Answer | Iterable[Answer]],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.script: dict[str, Answer | Iterable[Answer]] = dict(script)
        self.asked: list[Asked] = []
        self._left: dict[str, list[Answer]] = {}
        self._tls = tls
        self._host = host
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"{self._host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}"

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, 0, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        line = f"{request.method} {request.path}"
        reply = self._next(line)
        if isinstance(reply, Reply) and reply.cut == 0 and request.can_read_body:
            await request.content.readany()  # in its middle
        body = b"" if reply is CUT else await request.read()
        form = await request.post() if request.content_type == "application/x-www-form-urlencoded" else {}
        asked = Asked(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=body,
            form={name: str(value) for name, value in form.items()},
        )
        self.asked.append(asked)
        return await self._send(request, reply(asked) if callable(reply) else reply)

    def _next(self, line: str) -> Answer:
        key = line if line in self.script else "*"
        if key not in self._left:
            given = self.script.get(key, error(404, "NAME_UNKNOWN"))
            self._left[key] = list(given) if isinstance(given, Iterable) else [given]
        left = self._left[key]
        return left.pop(0) if len(left) > 1 else left[0]

    async def _send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        headers: dict[str, Any] = {"Content-Length": str(len(reply.body)), **reply.headers}
        response = web.StreamResponse(status=reply.status, headers=headers)
        if reply.cut != 0:
            await response.prepare(request)
            if request.method != "HEAD":
                await response.write(reply.body[: reply.cut])
        if reply.cut is not None:
            assert request.transport
            request.transport.abort() if reply.cut == 0 else request.transport.close()
        return response
