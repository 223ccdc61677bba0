"""One authenticated connection to an API server, over aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from ciao.k8s import proxies, sources
from ciao.k8s.access import Access, unusable
from ciao.k8s.auth import Credentials, Identity
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError
from ciao.k8s.translate import refusal
from ciao.settings import Settings

if TYPE_CHECKING:  # aiohttp is imported with the first request
    from aiohttp import ClientResponse, ClientSession, ClientTimeout, ClientWebSocketResponse

__all__ = ["Connection", "Patience", "connect"]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

CONNECT = 10.0
"""Seconds for a connection, TLS included."""
TOTAL = 30.0
"""Seconds for a whole request."""
MESSAGE = 1024 * 1024
"""Bytes of one message of a WebSocket; Kubernetes' have at most 32 KiB."""
BUSY = 429
AWAY = (502, 503, 504)
"""What a server that is starting anew says, or the balancer before it."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long something is tried again. Tests wait for nothing: they give another ``sleep``."""

    tries: int = 4
    first: float = 0.5
    longest: float = 30.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    async def wait(self, number: int, *, asked: float | None = None) -> None:
        """After try ``number``, from 1; at least as long as the server asked for, but not for ever."""
        delay = self.first * 2 ** (number - 1) * (0.5 + self.jitter() / 2)
        await self.sleep(min(max(delay, asked or 0.0), self.longest))


def connect(
    settings: Settings,
    *,
    namespace: str | None = None,
    environ: Mapping[str, str] = os.environ,
    account: Path = sources.ACCOUNT,
) -> Connection:
    """The cluster that settings and environment name. Reads the credentials, and sends nothing yet.

    Raises BackendUnavailable if there are none, or if they cannot be read.
    """
    source = sources.find(settings, environ, account=account)
    if source is None:
        hint = "Set CIAO_KUBECONFIG or KUBECONFIG, or put the kubeconfig into ~/.kube/config"
        raise unusable("no cluster is known here", hint=hint)
    access = source.load()
    chosen = namespace or settings.namespace or access.namespace
    return Connection(replace(access, namespace=chosen), Credentials(source, access, environ=environ), environ=environ)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, without who asks."""

    method: Method
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether it does no harm if it arrives twice."""
        return self.method != "POST"


class Connection:
    """An Api. It belongs to the event loop of its first request."""

    def __init__(
        self,
        access: Access,
        credentials: Credentials,
        *,
        environ: Mapping[str, str] = os.environ,
        patience: Patience | None = None,
    ) -> None:
        self._access = access
        self._credentials = credentials
        self._patience = patience or Patience()
        self._proxy = access.proxy or proxies.proxy_for(access.server, environ)
        self._session: ClientSession | None = None
        self._closed = False
        if self._proxy and not self._proxy.startswith(("http://", "https://")):
            raise unusable(
                f"the proxy of {self.context} is not for HTTP", hint="Ciao uses http:// and https:// proxies"
            )

    def __repr__(self) -> str:
        return f"Connection({self.context!r}, namespace={self.namespace!r})"

    @property
    def context(self) -> str:
        """The kubeconfig's context, or ``in-cluster``."""
        return self._access.context

    @property
    def namespace(self) -> str:
        """As the caller, the settings or the credentials say, else ``default``."""
        return self._access.namespace

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of this connection."""
        return self._access.notices

    async def request(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
        """One request; tried again where that may help and can do no harm, so not a POST that may have arrived."""
        data = None if body is None else json.dumps(body).encode()
        headers = (("Content-Type", content),) if data is not None else ()
        return await self._tried(Ask(method=method, path=path, params=params or {}, data=data, headers=headers))

    async def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, idle: float
    ) -> AsyncGenerator[bytes, None]:
        """The body of a GET. It is not tried again: where it would go on is for the caller to know."""
        from aiohttp import ClientError, ClientTimeout

        from ciao.k8s import reach

        ask = Ask(method="GET", path=path, params=params or {}, headers=(("Accept-Encoding", "identity"),))
        limits = ClientTimeout(total=None, sock_connect=CONNECT, sock_read=idle)
        try:
            async with self._answered(ask, limits=limits) as response:
                if response.status != 200:
                    raise await _refusal(response, ask)
                yield b""
                async for piece in response.content.iter_any():
                    yield piece
        except (ClientError, TimeoutError, OSError) as error:
            raise reach.unreachable(error, self._access, idle=idle) from None  # it may show headers

    async def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        """The binary messages of a WebSocket. It is not tried again: what it asks for may have been done."""
        from aiohttp import ClientError, WSMsgType

        from ciao.k8s import reach

        try:
            async with self._conversing(path, params, protocols) as socket:
                async for message in socket:
                    if message.type is WSMsgType.ERROR:
                        raise message.data
                    if message.type is WSMsgType.BINARY:
                        yield message.data
        except (ClientError, OSError) as error:
            raise reach.unreachable(error, self._access) from None  # it may show headers

    async def close(self) -> None:
        """Close every connection; requests that are under way fail."""
        from ciao.k8s.sockets import Connector

        session, self._session, self._closed = self._session, None, True
        if session is not None:
            connector = session.connector
            await session.close()
            if isinstance(connector, Connector):
                await connector.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _tried(self, ask: Ask) -> Manifest:
        from aiohttp import ClientError

        from ciao.k8s import reach

        for number in itertools.count(1):
            last = number >= self._patience.tries
            try:
                return await self._once(ask)
            except ApiError as error:
                if last or not _may_heal(error, ask):
                    raise
                pause = error.retry_after
            except (ClientError, TimeoutError, OSError) as error:
                harmless = ask.repeatable or not reach.arrived(error)
                if last or not harmless or not reach.transient(error):
                    raise reach.unreachable(error, self._access) from None  # it may show headers
                pause = None
            await self._patience.wait(number, asked=pause)
        raise AssertionError("unreachable")

    async def _once(self, ask: Ask) -> Manifest:
        from aiohttp import ClientTimeout

        async with self._answered(ask, limits=ClientTimeout(total=TOTAL, sock_connect=CONNECT)) as response:
            body = await response.read()
            if response.content_type == "application/json":
                return _parsed(body, access=self._access)
            return {"text": body.decode(errors="replace")} if body else {}

    @contextlib.asynccontextmanager
    async def _answered(self, ask: Ask, *, limits: ClientTimeout) -> AsyncIterator[ClientResponse]:
        """The answer, if it is a success. Logs in anew, once, if the server does not know us (any more)."""
        identity = await self._credentials.current()
        for attempt in (1, 2):
            async with self._send(ask, identity, limits=limits) as response:
                if response.status == 401 and attempt == 1:
                    identity = await self._credentials.renew(identity)
                    continue
                if response.content_type == "text/html" or 300 <= response.status < 400:
                    raise _a_page(self._access, response.status)
                if not response.ok:
                    raise await _refusal(response, ask)
                yield response
                return

    @contextlib.asynccontextmanager
    async def _conversing(
        self, path: str, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncIterator[ClientWebSocketResponse]:
        """A WebSocket. Logs in anew, once, as above; of a refusal it is only told which it was."""
        from aiohttp import WSServerHandshakeError

        identity = await self._credentials.current()
        for attempt in (1, 2):
            try:
                async with self._opened().ws_connect(
                    self._access.server + path,
                    params=list(params),
                    protocols=list(protocols),
                    headers=list(identity.headers),
                    proxy=self._proxy,
                    ssl=identity.tls or True,
                    server_hostname=self._access.server_name if identity.tls else None,
                    max_msg_size=MESSAGE,
                ) as socket:
                    yield socket
                    return
            except WSServerHandshakeError as error:
                if error.status != 401 or attempt == 2:
                    raise refusal(error.status, b"", path=path) from None  # it may show headers
                identity = await self._credentials.renew(identity)

    def _send(self, ask: Ask, identity: Identity, *, limits: ClientTimeout) -> Any:
        return self._opened().request(
            ask.method,
            self._access.server + ask.path,
            params=dict(ask.params),
            data=ask.data,
            headers=[*ask.headers, *identity.headers],
            timeout=limits,
            allow_redirects=False,  # an API server does not; a page to log in at would
            proxy=self._proxy,
            ssl=identity.tls or True,
            server_hostname=self._access.server_name if identity.tls else None,
        )

    def _opened(self) -> ClientSession:
        from aiohttp import ClientSession, DummyCookieJar

        from ciao.k8s.sockets import Connector

        if self._closed:
            raise unusable(f"the connection to {self.context} was closed")
        if self._session is None:
            self._session = ClientSession(
                connector=Connector(),
                cookie_jar=DummyCookieJar(),
                headers={"User-Agent": "ciao", "Accept": "application/json, */*"},
            )
        return self._session


def _may_heal(error: ApiError, ask: Ask) -> bool:
    """A server that is too busy has not begun; one that is away may have."""
    return error.code == BUSY or (error.code in AWAY and ask.repeatable)


async def _refusal(response: ClientResponse, ask: Ask) -> ApiError:
    retry_after = response.headers.get("Retry-After")
    return refusal(response.status, await response.read(), path=ask.path, retry_after=retry_after)


def _parsed(body: bytes, *, access: Access) -> Manifest:
    try:
        found = json.loads(body)
    except ValueError:
        raise unusable(f"{access.context} ({access.server}) answered with broken JSON") from None
    return found if isinstance(found, dict) else {"text": body.decode()}


def _a_page(access: Access, code: int) -> Exception:
    message = f"{access.context} ({access.server}) answers with a web page ({code}), not as an API server"
    return unusable(message, hint="See that the kubeconfig's server is right; a proxy may want a login first")
