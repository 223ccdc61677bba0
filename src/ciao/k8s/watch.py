"""A reflector: all objects of a kind, and then every change, for as long as somebody listens.

A list and then one watch after the other, each from where the last one stopped. A list is asked for again only if the
server has forgotten that place, or if the cluster was out of reach for so long that people were told.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from ciao.errors import BackendUnavailable
from ciao.k8s.backoff import Backoff, Pace
from ciao.k8s.base import Api, Manifest, Resource
from ciao.k8s.changes import Cache, Change, Fresh, Keep, Stale, Synced, Told, slim
from ciao.k8s.errors import ApiError
from ciao.k8s.translate import refusal

__all__ = ["watch"]

PAGE = 500
"""Objects in one answer to a list."""

SHORTEST, LONGEST = 240, 300
"""Seconds that a watch lasts: shorter than load balancers cut, and not the same for all."""

MARGIN = 15.0
"""Seconds of silence beyond a watch's own time, after which its connection is dead."""

PATIENCE = 10.0
"""Seconds without the cluster before people are told."""

FORGIVEN = 30.0
"""Seconds for which a watch that worked survives refusals: a server that has just started does not know all rights.

They begin with the first refusal: before that the server may have been away for minutes.
"""

AT_ONCE = 1.0
"""A watch that ends sooner and has told nothing has failed, or a broken proxy would be asked without a pause."""

_EXPIRED = 410
_HEALS = frozenset({401, 408, 409, _EXPIRED, 425, 429})


def watch(
    api: Api,
    resource: Resource,
    *,
    namespace: str,
    label_selector: str | None = None,
    field_selector: str | None = None,
    keep: Keep = slim,
    pace: Pace = Pace(),  # noqa: B008 - frozen
) -> AsyncGenerator[Told, None]:
    """The objects there are, Synced, and from then on every change; without end. Close it with ``aclosing``.

    An empty namespace means all. What was missed while the cluster was out of reach is made up for: the difference to
    what was told. Raises ApiError for what trying again does not heal: no right to it, no such resource.
    """
    selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
    chosen = {name: value for name, value in selectors.items() if value}
    path = resource.path(namespace=namespace)
    return _Reflector(api, path, resource=resource, selectors=chosen, cache=Cache(keep), pace=pace).run()


class _Reflector:
    def __init__(
        self, api: Api, path: str, *, resource: Resource, selectors: dict[str, str], cache: Cache, pace: Pace
    ) -> None:
        self._api = api
        self._path = path
        self._resource = resource
        self._selectors = selectors
        self._cache = cache
        self._pace = pace
        self._backoff = Backoff(pace)
        self._version = ""  # from where to watch; empty: to be listed first
        self._synced = False
        self._watched = False  # a watch has worked
        self._since: float | None = None  # of the first of the failures in a row
        self._refused: float | None = None  # of the first of the refusals in a row
        self._answered: float | None = None  # since when the server answers this watch, which may be silent
        self._reason = ""  # why people were told that all is stale

    async def run(self) -> AsyncGenerator[Told, None]:
        while True:
            try:
                if not self._version:
                    for told in await self._listed():
                        yield told
                async with aclosing(self._changes()) as changes:
                    async for change in changes:
                        yield change
            except (ApiError, BackendUnavailable) as error:
                async with aclosing(self._recover(error)) as stale:
                    async for told in stale:
                        yield told

    async def _listed(self) -> list[Told]:
        items, version = await self._pages()
        fresh = [Fresh()] if self._reason else []
        synced = [] if self._synced else [Synced()]
        self._version, self._synced, self._since, self._reason = version, True, None, ""
        self._refused = None
        return [*fresh, *self._cache.renew(items), *synced]

    async def _pages(self) -> tuple[list[Manifest], str]:
        items, params = list[Manifest](), {**self._selectors, "limit": str(PAGE)}
        while True:
            answer = await self._api.request("GET", self._path, params=params)
            items += answer.get("items") or ()
            metadata = answer.get("metadata", {})
            if not metadata.get("continue"):
                break
            params["continue"] = metadata["continue"]
        whole = {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
        return [{**whole, **item} for item in items], metadata.get("resourceVersion", "")

    async def _changes(self) -> AsyncGenerator[Change, None]:
        """One watch, to its clean end."""
        seconds = SHORTEST + int((LONGEST - SHORTEST) * self._pace.random())
        params = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        params |= {**self._selectors, "resourceVersion": self._version}
        began, heard, self._answered = self._pace.now(), False, None
        pieces = self._api.stream(self._path, params=params, idle=seconds + MARGIN)
        async with aclosing(pieces), aclosing(_lines(pieces)) as lines:
            async for line in lines:
                if not line:
                    self._answered = self._pace.now()
                    continue
                changes = self._take(line)
                self._works()
                heard = True
                for change in changes:
                    yield change
        if not heard and self._pace.now() - began < AT_ONCE:
            raise BackendUnavailable(f"the watch of {self._resource.plural} ended at once")
        self._works()

    def _works(self) -> None:
        self._watched, self._since, self._refused, self._answered = True, None, None, None
        self._backoff.succeeded()

    def _take(self, line: bytes) -> Iterator[Change]:
        try:
            event = json.loads(line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise refusal(item.get("code") or 500, json.dumps(item).encode(), path=self._path)
            self._version = item["metadata"]["resourceVersion"]
        except (ValueError, KeyError, TypeError) as error:
            words = f"the watch of {self._resource.plural} brought what is no event: {line[:100]!r}"
            raise BackendUnavailable(words) from error
        return iter(()) if kind == "BOOKMARK" else self._cache.apply(kind, item)

    async def _recover(self, error: ApiError | BackendUnavailable) -> AsyncGenerator[Stale, None]:
        """What to tell of a failure, and the pause after it. Raises what does not heal."""
        if self._answered is not None and self._pace.now() - self._answered >= AT_ONCE:
            self._works()  # until now; it only had nothing to tell
        free = _code(error) == _EXPIRED and not self._backoff.failures
        for told in self._failed(error):
            yield told
        pause = self._backoff.failed(at_least=getattr(error, "retry_after", None) or 0.0)
        if not free:
            async for told in self._paused(pause, error.message):
                yield told

    def _failed(self, error: ApiError | BackendUnavailable) -> Iterator[Stale]:
        """What to tell of it. Raises what does not heal."""
        now, code = self._pace.now(), _code(error)
        if self._since is None:
            self._since = now
        if 400 <= code < 500 and code not in _HEALS:
            self._refused = now if self._refused is None else self._refused
            if not self._watched or now - self._refused >= FORGIVEN:
                raise error
        if code == _EXPIRED:
            self._version = ""
        if now - self._since >= PATIENCE and self._reason != error.message:
            yield self._stale(error.message)

    async def _paused(self, seconds: float, reason: str) -> AsyncGenerator[Stale, None]:
        """A pause; people are told when their patience ends, even if that is within it."""
        left = (self._since or 0.0) + PATIENCE - self._pace.now()
        if not self._reason and 0 < left < seconds:
            await self._pace.sleep(left)
            yield self._stale(reason)
            seconds -= left
        await self._pace.sleep(seconds)

    def _stale(self, reason: str) -> Stale:
        self._version, self._reason = "", reason  # the list to come tells that the cluster is back
        return Stale(since=self._since or self._pace.now(), reason=reason)


async def _lines(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Complete lines; what comes after the last newline is half an event of a stream that broke.

    An empty one says that the server has answered.
    """
    held = list[bytes]()
    async for piece in pieces:
        if not piece:
            yield b""
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            for line in b"".join((*held, head)).split(b"\n"):
                if line:
                    yield line
            held.clear()
        held.append(tail)


def _code(error: ApiError | BackendUnavailable) -> int:
    return error.code if isinstance(error, ApiError) else 0
