"""Registries in memory, behind the seam that S2I has to real ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

from ciao.s2i.registry.base import Descriptor, Document, Reference, Sent
from ciao.s2i.registry.errors import BlobUnknown, Refused

FOREIGN = ("foreign", "nondistributable")


class FakeRegistry:
    """All registries there are. ``requests`` are those that the protocol would need, as ``METHOD what``.

    ``known`` is what a client remembers of blobs that it has seen; :meth:`collect` removes some behind its back.
    """

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str, str], bytes] = {}
        self.manifests: dict[tuple[str, str, str], Document] = {}
        self.tagged: dict[tuple[str, str, str], str] = {}
        self.known: set[tuple[str, str, str]] = set()
        self.requests: list[str] = []

    async def manifest(self, name: Reference) -> Document:
        await self.asked("GET manifest")
        found = self._manifest(name)
        if found is None:
            raise Refused(f"there is no {name}", status=404)
        return found

    async def find(self, name: Reference) -> Descriptor | None:
        await self.asked("HEAD manifest")
        found = self._manifest(name)
        if found is None:
            return None
        return Descriptor(media_type=found.media_type, digest=found.digest, size=len(found.raw))

    async def blob(self, name: Reference, digest: str, *, most: int) -> bytes:
        await self.asked("GET blob")
        found = self.blobs[name.host, name.repository, digest]
        assert len(found) <= most
        return found

    async def stream(self, name: Reference, digest: str) -> AsyncGenerator[bytes, None]:
        await self.asked("GET blob")
        yield self.blobs[name.host, name.repository, digest]

    async def push_blob(
        self, name: Reference, blob: Descriptor, content: bytes | Path, *, sent: Sent | None = None
    ) -> None:
        at = (name.host, name.repository, blob.digest)
        if at in self.known:
            return
        await self.asked("POST blob")
        await self.asked("PUT blob")
        raw = _raw(content)
        assert (f"sha256:{hashlib.sha256(raw).hexdigest()}", len(raw)) == (blob.digest, blob.size)
        if sent:
            sent(blob.size // 2)
            sent(blob.size)
        self.blobs[at] = raw
        self.known.add(at)

    async def copy_blob(
        self, source: Reference, name: Reference, blob: Descriptor, *, sent: Sent | None = None
    ) -> bool:
        at = (name.host, name.repository, blob.digest)
        if at in self.known or (source.host, source.repository) == at[:2]:
            return False
        raw = self.blobs[source.host, source.repository, blob.digest]
        if source.host == name.host:
            await self.asked("POST mount")
            self.blobs[at] = raw
            self.known.add(at)
            return False
        await self.asked("GET blob")
        await self.push_blob(name, blob, raw, sent=sent)
        return True

    async def push_manifest(self, name: Reference, media_type: str, raw: bytes) -> Descriptor:
        await self.asked("PUT manifest")
        value = json.loads(raw)
        parts = [value["config"], *value["layers"]] if "layers" in value else []
        for part in parts:
            at = (name.host, name.repository, part["digest"])
            if at not in self.blobs and not any(word in part["mediaType"] for word in FOREIGN):
                self.known = {one for one in self.known if one[:2] != at[:2]}
                raise BlobUnknown(f"{name} lacks {part['digest']}")
        for child in value.get("manifests", ()):
            assert (name.host, name.repository, child["digest"]) in self.manifests
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        self.manifests[name.host, name.repository, digest] = Document(media_type=media_type, digest=digest, raw=raw)
        if name.tag:
            self.tagged[name.host, name.repository, name.tag] = digest
        return Descriptor(media_type=media_type, digest=digest, size=len(raw))

    async def tags(self, name: Reference) -> Sequence[str]:
        await self.asked("GET tags")
        return sorted(
            tag for host, repository, tag in self.tagged if (host, repository) == (name.host, name.repository)
        )

    async def delete(self, name: Reference) -> None:
        await self.asked("DELETE manifest")
        at = (name.host, name.repository, name.digest)
        del self.manifests[at]
        self.tagged = {key: digest for key, digest in self.tagged.items() if (*key[:2], digest) != at}

    async def asked(self, request: str) -> None:
        """A request on its way: others may go on meanwhile, and it may be cancelled."""
        self.requests.append(request)
        await asyncio.sleep(0)

    async def close(self) -> None:
        pass

    def collect(self, repository: Reference) -> None:
        """What a garbage collector does that takes too much: every blob of the repository is gone."""
        at = (repository.host, repository.repository)
        self.blobs = {key: raw for key, raw in self.blobs.items() if key[:2] != at}

    def forget(self) -> list[str]:
        """The requests so far; the next are counted anew."""
        seen, self.requests = self.requests, []
        return seen

    def _manifest(self, name: Reference) -> Document | None:
        digest = name.digest or self.tagged.get((name.host, name.repository, name.tag), "")
        return self.manifests.get((name.host, name.repository, digest))


def _raw(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def at(text: str) -> Reference:
    """A name as the tests write it: ``host/repository:tag``."""
    host, _, rest = text.partition("/")
    repository, _, tag = rest.partition(":")
    return replace(Reference(host=host, repository=repository), tag=tag)
