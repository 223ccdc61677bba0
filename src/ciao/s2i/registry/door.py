"""Requests that are let in: the registry's challenges are answered, and what may heal is tried again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ciao.k8s.api import Patience
from ciao.s2i.registry import challenge
from ciao.s2i.registry.answers import beginning
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.challenge import Challenge
from ciao.s2i.registry.errors import Refused, Unreachable
from ciao.s2i.registry.keys import Key, Keys, Way
from ciao.s2i.registry.refusals import refusal
from ciao.s2i.registry.wire import Ask, Wire

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["Door"]

LARGEST = 64 * 1024
"""Bytes of a refusal that are read."""
ATTEMPTS = 3
"""Without a key; with one that was kept; with a new one."""

T = TypeVar("T")


class Door:
    """Remembers what each registry asked for, so that it asks once for each thing."""

    def __init__(self, wire: Wire, keys: Keys, *, patience: Patience) -> None:
        self._wire = wire
        self._keys = keys
        self._patience = patience
        self._ways: dict[tuple[str, frozenset[str]], Way] = {}
        self._basic: dict[str, Challenge] = {}

    @contextlib.asynccontextmanager
    async def answered(self, ask: Ask, name: Reference) -> AsyncIterator[ClientResponse]:
        """A success, or one of the refusals in ``ask.also``. Raises Refused and Unreachable.

        What a request sends is sent again after each challenge, so its body must be one that can be.
        """
        way = self._known(ask, name)
        key = await self._keys.key(way) if way else None
        for attempt in range(ATTEMPTS):
            async with self._wire.answered(ask, key.header if key else None) as response:
                if response.status == 401 and attempt < ATTEMPTS - 1:
                    way, other = await self._other(ask, name, response, key)
                    if other is not None:
                        key = other
                        continue
                if not response.ok and response.status not in ask.also:
                    raise await self._refused(ask, response, key)
                yield response
                return

    async def tried(self, work: Callable[[], Awaitable[T]], *, within: float, doing: str) -> T:
        """Its result, after as many tries as it takes and patience allows. It must do no harm if it is done twice."""
        try:
            async with asyncio.timeout(within):
                return await self._tried(work)
        except TimeoutError:
            hint = "The registry or the network is too slow: try again later"
            raise Unreachable(f"{doing} did not end within {within:g} s", hint=hint) from None

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T:
        for number in itertools.count(1):
            try:
                return await work()
            except (Refused, Unreachable) as error:
                failed = error
            await self.pause(failed, number)
        raise AssertionError("unreachable")

    async def pause(self, error: Refused | Unreachable, number: int) -> None:
        """Between try ``number``, from 1, and the next; raises the error if there is to be none."""
        if number >= self._patience.tries or not error.again:
            error.__context__ = None  # aiohttp's own, whose request may show a proxy's password
            raise error from None
        await self._patience.wait(number, asked=error.pause)

    def _known(self, ask: Ask, name: Reference) -> Way | None:
        """What it asked for the last time."""
        if basic := self._basic.get(ask.host):
            return Way(name=_bare(name), challenge=basic, scopes=frozenset())
        return self._ways.get((ask.host, ask.scopes))

    async def _other(
        self, ask: Ask, name: Reference, response: ClientResponse, key: Key | None
    ) -> tuple[Way | None, Key | None]:
        """Another key to come in with than the one that was refused, if there is one."""
        if key is not None and key.new:
            return None, None
        await beginning(response, LARGEST)  # read, so that the connection can be kept
        chosen = challenge.choose(challenge.parse(response.headers.getall("WWW-Authenticate", [])))
        if chosen is None or not await self._wire.at_home(response, ask.host):
            return None, None
        if chosen.scheme == "basic":
            self._basic[ask.host] = chosen
            way = Way(name=_bare(name), challenge=chosen, scopes=frozenset())
        else:
            way = Way(name=_bare(name), challenge=chosen, scopes=chosen.scopes or ask.scopes)
            self._ways[ask.host, ask.scopes] = way
        return way, await self._keys.key(way, refused=key.header if key else None)

    async def _refused(self, ask: Ask, response: ClientResponse, key: Key | None) -> Refused | Unreachable:
        body = await beginning(response, LARGEST)
        return refusal(
            response.status,
            body,
            host=ask.host,
            doing=ask.doing,
            headers=response.headers,
            scrub=self._keys.scrubbed,
            login=key.login if key else "",
            trouble=self._keys.trouble(ask.host),
        )


def _bare(name: Reference) -> Reference:
    return Reference(host=name.host, repository=name.repository)
