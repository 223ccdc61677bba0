"""One request on the wire, over aiohttp: TLS, proxies, redirects. Knows no logins, and tries nothing again."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ciao.errors import BundleError
from ciao.k8s.proxies import proxy_for
from ciao.s2i.registry.errors import Broken
from ciao.s2i.registry.origins import Origins, joined, origin, split
from ciao.settings import Settings

if TYPE_CHECKING:  # aiohttp is imported with the first request
    from aiohttp import ClientResponse, ClientSession

    from ciao.s2i.registry.bodies import Body

__all__ = ["Ask", "Limits", "Method", "Wire"]

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

HOPS = 5
"""Redirects that are followed, one after the other."""
MOVED = (301, 302, 303, 307, 308)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds: for a connection; without one byte; for what is small, tries included; for a blob, tries included.

    ``answer`` is how long a registry may think before it answers: over a large blob it does so for minutes.
    """

    connect: float = 10.0
    silence: float = 60.0
    answer: float = 300.0
    small: float = 120.0
    blob: float = 7200.0


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request. ``host`` is the registry's name, ``url`` a path there or what the registry gave as an address.

    ``scopes`` are what a token for it must grant, as Ciao sees it; ``doing`` is words for people.
    """

    method: Method
    host: str
    url: str
    doing: str
    scopes: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = field(default=None, repr=False)
    also: tuple[int, ...] = ()
    """Refusals that are an answer to whoever asks."""


class Wire:
    """It belongs to the event loop of its first request."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, limits: Limits) -> None:
        self.origins = Origins(settings, environ, patience=limits.connect)
        self.limits = limits
        self._environ = environ
        self._authority = settings.s2i_ca
        self._session: ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def answered(self, ask: Ask, authorization: str | None) -> AsyncIterator[ClientResponse]:
        """The answer, whatever it is, at the end of redirects. Raises Unreachable and Broken.

        The credential goes to the registry itself, and to nowhere that it sends us.
        """
        home = await self.origins.of(ask.host)
        url, credential = self._within(joined(home, ask.url), home), authorization
        for _ in range(HOPS + 1):
            if origin(url) != origin(home):
                credential = None
            async with self.sent(ask, url, credential) as response:
                place = response.headers.get("Location")
                if response.status not in MOVED or not place:
                    yield response
                    return
                url = self._within(joined(url, place), home)
        raise Broken(f"{ask.host} sends us from one address to the next without an end", hint=_LOOP)

    @contextlib.asynccontextmanager
    async def sent(self, ask: Ask, url: str, authorization: str | None) -> AsyncIterator[ClientResponse]:
        """One request to one address."""
        from aiohttp import ClientError, ClientTimeout
        from yarl import URL

        from ciao.s2i.registry.bodies import Body
        from ciao.s2i.registry.reach import unreachable

        body = ask.body if isinstance(ask.body, Body) else None
        headers = {**ask.headers, **({"Authorization": authorization} if authorization else {})}
        if body is not None:
            headers["Content-Length"] = str(body.size)
        limits = self.limits
        read = None if body is not None else limits.silence
        try:
            async with contextlib.AsyncExitStack() as stack:
                if body is not None:
                    await stack.enter_async_context(body.sending(silence=limits.silence, answer=limits.answer))
                response = await stack.enter_async_context(
                    self._opened().request(
                        ask.method,
                        URL(url, encoded=True),
                        data=ask.body,
                        headers=headers,
                        timeout=ClientTimeout(total=None, sock_connect=limits.connect, sock_read=read),
                        allow_redirects=False,
                        proxy=self._proxy(url),
                        ssl=self._trusted() if url.startswith("https:") else True,
                    )
                )
                yield response
        except (ClientError, TimeoutError, OSError) as error:
            if body is not None and body.failure is not None:
                raise body.failure from None
            raise unreachable(error, ask.host, url) from None  # it may show headers and addresses

    async def at_home(self, response: ClientResponse, host: str) -> bool:
        """Whether the registry itself has answered, not a place to which it has sent us."""
        return origin(str(response.url)) == origin(await self.origins.of(host))

    async def close(self) -> None:
        """Close every connection; requests that are under way fail."""
        session, self._session, self._closed = self._session, None, True
        if session is not None:
            from ciao.k8s.sockets import Connector

            connector = session.connector
            await session.close()
            if isinstance(connector, Connector):
                await connector.end()

    def _within(self, url: str, home: str) -> str:
        """The address where a request really goes. Raises Broken for one that is less safe than the registry's.

        A registry behind a proxy that ends TLS often names itself with http: then it is the same place.
        """
        parts, ours = split(url), urlsplit(home)
        if parts.scheme == "http" and ours.scheme == "https":
            if parts.hostname != ours.hostname or parts.port not in (None, 80, ours.port):
                raise Broken(f"{ours.netloc} sends us to an address without TLS, {parts.hostname}", hint=_PLAIN)
            return f"{home}{url[url.index(parts.netloc) + len(parts.netloc) :]}"
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise Broken(f"{ours.netloc} sends us to an address that is none", hint=_LOOP)
        return url

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        proxy = proxy_for(f"{parts.scheme}://{parts.netloc}", self._environ)
        if proxy and not proxy.startswith(("http://", "https://")):
            raise BundleError(
                "the proxy to the registry is not for HTTP", hint="Ciao uses http:// and https:// proxies"
            )
        return proxy

    def _trusted(self) -> ssl.SSLContext:
        """What the system trusts, and the user's own authority besides. There is no way to trust everybody."""
        if self._tls is None:
            context = ssl.create_default_context()
            if self._authority is not None:
                _trust(context, str(self._authority))
            self._tls = context
        return self._tls

    def _opened(self) -> ClientSession:
        from aiohttp import ClientSession, DummyCookieJar

        from ciao.k8s.sockets import Connector

        if self._closed:
            raise BundleError("the connection to the registry was closed")
        if self._session is None:
            self._session = ClientSession(
                connector=Connector(),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,  # a blob is what its bytes are
                headers={"User-Agent": "ciao", "Accept-Encoding": "identity"},
            )
        return self._session


_LOOP = "Its administrator can see why in its log"
_PLAIN = "Its administrator has to name it with https, as the host and scheme of what it answers"


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise BundleError(f"s2i.ca, {path}, has no certificate in PEM", hint="Correct s2i.ca") from None
    except OSError as error:
        raise BundleError(f"s2i.ca, {path}, cannot be read: {error.strerror}", hint="Correct s2i.ca") from None
