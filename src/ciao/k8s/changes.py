"""What a watch tells, and the cache that makes lists and events into changes, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ciao.k8s.base import Manifest

__all__ = ["Cache", "Change", "Fresh", "Keep", "Stale", "Synced", "Told", "slim"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """An object came, changed or went. One that went is as it was last seen."""

    kind: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Manifest


@dataclass(frozen=True, kw_only=True)
class Synced:
    """All that was there at the beginning has been told. Comes once."""


@dataclass(frozen=True, kw_only=True)
class Stale:
    """Nothing was heard of the cluster since then (seconds since the epoch); it is tried again and again."""

    since: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """The cluster is heard again; what happened meanwhile follows as changes."""


Told = Change | Synced | Stale | Fresh
Keep = Callable[[Manifest], Manifest]


def slim(item: Manifest) -> Manifest:
    """Without the record of who set which field: half of many an object, and nobody reads it here."""
    item.get("metadata", {}).pop("managedFields", None)
    return item


class _Known(NamedTuple):
    uid: str
    version: str
    item: Manifest


class Cache:
    """What was told, by namespace and name. ``keep`` makes of an object what is told and held in memory."""

    def __init__(self, keep: Keep = slim) -> None:
        self._keep = keep
        self._known: dict[tuple[str, str], _Known] = {}

    def renew(self, items: Iterable[Manifest]) -> Iterator[Change]:
        """What a full list says anew."""
        listed = {_key(item): item for item in items}
        for key in self._known.keys() - listed.keys():
            yield Change(kind="DELETED", object=self._known.pop(key).item)
        for item in listed.values():
            yield from self._put(item)

    def apply(self, kind: str, item: Manifest) -> Iterator[Change]:
        """What an event of a watch says anew."""
        if kind != "DELETED":
            yield from self._put(item)
            return
        known = self._known.get(_key(item))
        if known and known.uid == item["metadata"].get("uid", ""):
            del self._known[_key(item)]
            yield Change(kind="DELETED", object=self._keep(item))

    def _put(self, item: Manifest) -> Iterator[Change]:
        metadata, key = item["metadata"], _key(item)
        before = self._known.get(key)
        now = _Known(metadata.get("uid", ""), metadata.get("resourceVersion", ""), self._keep(item))
        if before and before[:2] == now[:2]:
            return
        self._known[key] = now
        if before and before.uid == now.uid:
            yield Change(kind="MODIFIED", object=now.item)
            return
        if before:  # another object has taken the name of one whose end was not seen
            yield Change(kind="DELETED", object=before.item)
        yield Change(kind="ADDED", object=now.item)


def _key(item: Manifest) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
