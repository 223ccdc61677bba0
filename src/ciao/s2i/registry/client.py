"""The registry client: every registry that the user's credentials reach, over aiohttp."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from ciao.k8s.api import Patience
from ciao.s2i.registry import manifests, names
from ciao.s2i.registry.answers import digest_of, known
from ciao.s2i.registry.base import Descriptor, Document, Reference, Sent
from ciao.s2i.registry.bodies import Pieces
from ciao.s2i.registry.door import Door
from ciao.s2i.registry.downloads import Download
from ciao.s2i.registry.errors import BlobUnknown, Denied
from ciao.s2i.registry.keys import Keys
from ciao.s2i.registry.logins import Logins
from ciao.s2i.registry.uploads import Upload
from ciao.s2i.registry.wire import Limits, Wire
from ciao.settings import Settings

__all__ = ["Client"]

T = TypeVar("T")

WORTH_ASKING = 4 * 1024 * 1024
"""Bytes from which on a registry is asked whether it has a blob before it is sent: a request is less than that."""


class Client:
    """A Registry. It belongs to the event loop of its first request; nothing is sent before that."""

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str] = os.environ,
        patience: Patience | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._settings = settings
        self._wire = Wire(settings, environ, limits=self._limits)
        keys = Keys(self._wire, Logins(settings, environ), clock=clock)
        self._door = Door(self._wire, keys, patience=patience or Patience())
        self._there: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._turns: defaultdict[tuple[str, str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def manifest(self, name: Reference) -> Document:
        """The manifest or index of a tag or digest."""
        return await self._small(self._from(name).manifest, doing=f"reading {name}")

    async def find(self, name: Reference) -> Descriptor | None:
        """What a tag or digest is now.

        Some registries forbid to look at a repository that is yet to be made (ghcr.io). In the one into which Ciao
        pushes that means that it is not there: if it means more, the push will tell.
        """
        try:
            return await self._small(self._from(name).find, doing=f"reading {name}")
        except Denied as error:
            if error.status == 403 and self._is_ours(name):
                return None
            raise

    async def blob(self, name: Reference, digest: str, *, most: int) -> bytes:
        """A small blob."""
        source = self._from(name)
        return await self._small(lambda: source.blob(digest, most=most), doing=f"reading a blob of {name}")

    def stream(self, name: Reference, digest: str) -> Pieces:
        """A blob in pieces."""
        return self._from(name).pieces(digest)

    async def push_blob(
        self, name: Reference, blob: Descriptor, content: bytes | Path, *, sent: Sent | None = None
    ) -> None:
        """Have a blob in the name's repository."""
        upload = self._upload(name, blob, sent)

        async def push() -> None:
            if blob.size < WORTH_ASKING or not await upload.there():
                await upload.push(content)

        await self._once(upload, push)

    async def copy_blob(
        self, source: Reference, name: Reference, blob: Descriptor, *, sent: Sent | None = None
    ) -> bool:
        """Have a blob of one repository in another. Whether it went through this process."""
        if _place(source) == _place(name):
            return False
        upload = self._upload(name, blob, sent)

        async def copy() -> bool:
            place = await upload.mount(source) if source.host == name.host else ""
            if place is None or await upload.there():
                return False
            await upload.fill(lambda: self.stream(source, blob.digest), place=place)
            return True

        return bool(await self._once(upload, copy))

    async def push_manifest(self, name: Reference, media_type: str, raw: bytes) -> Descriptor:
        """Put a manifest or index under a tag, or under its own digest."""
        try:
            return await self._small(lambda: manifests.put(self._door, name, media_type, raw), doing=f"pushing {name}")
        except BlobUnknown:
            self._there[_place(name)].clear()
            raise

    async def tags(self, name: Reference) -> Sequence[str]:
        """All tags of a repository."""
        return await self._small(lambda: manifests.tags(self._door, name), doing=f"listing the tags of {name}")

    async def delete(self, name: Reference) -> None:
        """Remove a manifest by its digest."""
        await self._small(lambda: manifests.delete(self._door, name), doing=f"deleting {name}")

    async def try_push(self, name: Reference) -> None:
        """Whether one may push there: begins an upload and ends it, with nothing in it."""
        upload = self._upload(name, Descriptor(media_type="", digest=digest_of(b""), size=0), None)
        await self._small(upload.begin_and_end, doing=upload.doing)

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def _is_ours(self, name: Reference) -> bool:
        set_ = self._settings
        return bool(set_.s2i_registry) and _place(names.repository(set_)) == _place(name)

    async def _once(self, upload: Upload, work: Callable[[], Awaitable[T]]) -> T | None:
        """Have the blob there; None if it is there already. Two that want the same do it once."""
        there, digest = self._there[_place(upload.name)], upload.blob.digest
        async with self._turns[*_place(upload.name), digest]:
            if digest in there:
                return None
            done = await self._door.tried(work, within=self._limits.blob, doing=upload.doing)
            there.add(digest)
            return done

    async def _small(self, work: Callable[[], Awaitable[T]], *, doing: str) -> T:
        return await self._door.tried(work, within=self._limits.small, doing=doing)

    def _from(self, name: Reference) -> Download:
        return Download(door=self._door, name=name)

    def _upload(self, name: Reference, blob: Descriptor, sent: Sent | None) -> Upload:
        known(blob.digest, what=f"a blob for {name.host}/{name.repository}")
        return Upload(door=self._door, wire=self._wire, name=name, blob=blob, sent=sent or _nobody)


def _place(name: Reference) -> tuple[str, str]:
    return name.host, name.repository


def _nobody(_done: int) -> None:
    """Is told."""
