"""What a registry lets us in with: passwords, and tokens that it sends us for, each kept as long as it is good.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlencode, urlsplit

from ciao.s2i.registry.answers import beginning, whole
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.challenge import Challenge
from ciao.s2i.registry.errors import Broken, Refused, Unreachable
from ciao.s2i.registry.logins import Login, Logins
from ciao.s2i.registry.origins import split
from ciao.s2i.registry.refusals import refusal
from ciao.s2i.registry.wire import Ask, Wire

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["Key", "Keys", "Way"]

SHORTEST = 60.0
"""Seconds that a token is good for if nothing is said of it."""
MARGIN = 0.25
"""Of its time, at most ten seconds: then it is renewed, so that it does not expire on its way."""
LARGEST = 1024 * 1024
"""Bytes of what a token's issuer answers."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How to come in: by this challenge, for what it must grant, as who the user is for this repository."""

    name: Reference
    challenge: Challenge
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is sent; ``new`` if it was asked for only now. ``login`` is where the credentials came from."""

    header: str = field(repr=False)
    login: str
    new: bool


@dataclass(frozen=True, kw_only=True)
class Token:
    """Good until ``ends``, by the clock of :class:`Keys`."""

    header: str = field(repr=False)
    login: str
    ends: float


class Keys:
    """One for a client. Parallel requests that need the same token ask for it once."""

    def __init__(self, wire: Wire, logins: Logins, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self._logins = logins
        self._clock = clock
        self._tokens: dict[Way, Token] = {}
        self._locks: defaultdict[Way, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._refreshed: dict[str, str] = {}
        self._secrets: set[str] = set()

    async def key(self, way: Way, *, refused: str | None = None) -> Key | None:
        """For this way, but not the one that was refused. None if there is no login and Basic is asked for."""
        async with self._locks[way]:
            held = self._tokens.get(way)
            if held and held.header != refused and held.ends > self._clock():
                return Key(header=held.header, login=held.login, new=False)
            self._tokens.pop(way, None)
            login = await self._logins.find(way.name)
            self._remember(login)
            if way.challenge.scheme == "bearer":
                token = await self._fetched(way, login)
            elif login is not None and login.password:
                token = Token(header=login.basic, login=login.source, ends=float("inf"))
            else:
                return None
            self._tokens[way] = token
            self._secrets.add(token.header.partition(" ")[2])
            return Key(header=token.header, login=token.login, new=True)

    def trouble(self, host: str) -> str:
        """Why there may be no login."""
        return self._logins.troubles.get(host, "")

    def scrubbed(self, text: str) -> str:
        """A registry's words, without what it was told in confidence."""
        for secret in sorted(self._secrets, key=len, reverse=True):  # one may be a part of another
            text = text.replace(secret, "...")
        return text

    async def _fetched(self, way: Way, login: Login | None) -> Token:
        begun = self._clock()
        ask = self._ask(way, login)
        basic = login.basic if login and login.password else None
        source = login.source if login else ""
        async with self._wire.sent(ask, ask.url, basic) as response:
            if response.status != 200:
                raise await self._refused(way, response, source)
            body = await whole(response, LARGEST, what="a token")
        found = _parsed(body)
        text = found.get("token") or found.get("access_token")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise Broken(f"{urlsplit(ask.url).netloc} gave no token for the registry {way.name.host}")
        self._refresh(login, found)
        lasts = _seconds(found.get("expires_in"))
        return Token(header=f"Bearer {text}", login=source, ends=begun + lasts - min(10.0, lasts * MARGIN))

    def _ask(self, way: Way, login: Login | None) -> Ask:
        realm, doing = self._realm(way), f"asking for a token to {way.name}"
        service = (("service", way.challenge.service),) if way.challenge.service else ()
        if login and login.identity:
            identity = self._refreshed.get(login.identity, login.identity)
            form = (("grant_type", "refresh_token"), *service, ("client_id", "ciao"), ("refresh_token", identity))
            data = urlencode((*form, ("scope", " ".join(sorted(way.scopes))))).encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            return Ask(method="POST", host=way.name.host, url=realm, doing=doing, headers=kind, body=data)
        query = urlencode((*service, *(("scope", scope) for scope in sorted(way.scopes))))
        url = f"{realm}{'&' if '?' in realm else '?'}{query}" if query else realm
        return Ask(method="GET", host=way.name.host, url=url, doing=doing)

    def _realm(self, way: Way) -> str:
        """Raises Broken for one to which no password may go."""
        realm, host = way.challenge.realm, way.name.host
        parts = split(realm)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise Broken(f"the registry {host} sends us for a token to an address that is none")
        if parts.scheme == "http" and not self._may_be_plain(parts, host):
            hint = f"If that is as it should be, add {parts.netloc} to s2i.insecure"
            raise Broken(f"the registry {host} sends us for a token to {parts.netloc}, without TLS", hint=hint)
        return realm

    def _may_be_plain(self, issuer: SplitResult, host: str) -> bool:
        """That a registry needs no TLS says nothing of other machines."""
        plain = self._wire.origins.plain
        return plain(issuer.netloc) or (issuer.hostname == urlsplit(f"//{host}").hostname and plain(host))

    async def _refused(self, way: Way, response: ClientResponse, source: str) -> Refused | Unreachable:
        return refusal(
            response.status,
            await beginning(response, LARGEST),
            host=way.name.host,
            doing=str(way.name),
            headers=response.headers,
            scrub=self.scrubbed,
            login=source,
            trouble=self.trouble(way.name.host),
        )

    def _remember(self, login: Login | None) -> None:
        if login is not None:
            self._secrets.update(filter(None, (login.password, login.identity, login.basic.partition(" ")[2])))

    def _refresh(self, login: Login | None, found: Mapping[str, Any]) -> None:
        """An issuer may give another identity token in place of the one that was used."""
        other = found.get("refresh_token")
        if login and login.identity and isinstance(other, str) and other:
            self._refreshed[login.identity] = other
            self._secrets.add(other)


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(given: object) -> float:
    usable = isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e9
    return float(given) if usable and isinstance(given, int | float) else SHORTEST
