"""What is read from a registry: manifests and blobs, each checked against its digest."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciao.s2i.registry.answers import DIGEST, checked, digest_of, known, whole
from ciao.s2i.registry.base import Descriptor, Document, Reference
from ciao.s2i.registry.bodies import PIECE, Pieces
from ciao.s2i.registry.door import Door
from ciao.s2i.registry.errors import Broken, Refused, Unreachable
from ciao.s2i.registry.uploads import scopes
from ciao.s2i.registry.wire import Ask, Method

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["MANIFESTS", "Download", "wanted"]

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LARGEST = 4 * 1024 * 1024
"""Bytes of a manifest: what registries themselves allow."""
GENERIC = ("", "application/json", "application/octet-stream", "text/plain")
"""Types that say nothing of a manifest: then its own word counts."""


def wanted(name: Reference) -> str:
    """What a registry is asked for."""
    return name.digest or name.tag or "latest"


@dataclass(frozen=True, kw_only=True)
class Download:
    """From one repository."""

    door: Door
    name: Reference

    async def manifest(self) -> Document:
        """With its content."""
        async with self.door.answered(self._manifest("GET"), self.name) as response:
            raw = await whole(response, LARGEST, what=f"the manifest of {self.name}")
            digest = digest_of(raw)
            expected = self.name.digest or response.headers.get("Docker-Content-Digest") or digest
            kind = self._kind(response, raw)
        checked(digest, expected, what=f"the manifest of {self.name}")
        return Document(media_type=kind, digest=digest, raw=raw)

    async def find(self) -> Descriptor | None:
        """Without its content, where the registry tells the digest without it."""
        ask = self._manifest("HEAD", also=(404, 405))
        async with self.door.answered(ask, self.name) as response:
            if response.status == 404:
                return None
            headers = response.headers
        digest, length = headers.get("Docker-Content-Digest", ""), headers.get("Content-Length", "")
        if response.status == 405 or not DIGEST.fullmatch(digest) or not re.fullmatch(r"[0-9]{1,18}", length):
            found = await self.manifest()
            return Descriptor(media_type=found.media_type, digest=found.digest, size=len(found.raw))
        if self.name.digest:
            checked(digest, self.name.digest, what=f"the manifest of {self.name}")
        return Descriptor(media_type=_type(response), digest=digest, size=int(length))

    async def blob(self, digest: str, *, most: int) -> bytes:
        """A small one."""
        what = f"the blob {digest} of {self._where}"
        async with self.door.answered(self._blob(digest), self.name) as response:
            content = await whole(response, most, what=what)
        checked(digest_of(content), digest, what=what)
        return content

    async def pieces(self, digest: str) -> Pieces:
        """A large one. Where the connection breaks it goes on from there; tries count from the last that got on."""
        hashed, done, number = hashlib.sha256(), 0, 0
        while True:
            try:
                async with aclosing(self._from(digest, done)) as pieces:
                    async for piece in pieces:
                        hashed.update(piece)
                        done, number = done + len(piece), 0
                        yield piece
                break
            except (Refused, Unreachable) as error:
                failed = error
            number += 1
            await self.door.pause(failed, number)
        checked(f"sha256:{hashed.hexdigest()}", digest, what=f"the blob {digest} of {self._where}")

    async def _from(self, digest: str, start: int) -> Pieces:
        ask = self._blob(digest, headers={"Range": f"bytes={start}-"}, also=(416,)) if start else self._blob(digest)
        async with self.door.answered(ask, self.name) as response:
            if response.status == 416:  # it broke at its very end
                return
            skip = start if response.status == 200 else 0
            async for piece in response.content.iter_chunked(PIECE):
                if fresh := piece[skip:]:
                    yield fresh
                skip = max(0, skip - len(piece))

    def _manifest(self, method: Method, *, also: tuple[int, ...] = ()) -> Ask:
        return Ask(
            method=method,
            host=self.name.host,
            url=f"/v2/{self.name.repository}/manifests/{wanted(self.name)}",
            doing=f"reading {self.name}",
            scopes=scopes(self.name, "pull"),
            headers={"Accept": ", ".join(MANIFESTS)},
            also=also,
        )

    def _blob(self, digest: str, *, headers: dict[str, str] | None = None, also: tuple[int, ...] = ()) -> Ask:
        return Ask(
            method="GET",
            host=self.name.host,
            url=f"/v2/{self.name.repository}/blobs/{known(digest, what=f'a blob of {self._where}')}",
            doing=f"reading a blob of {self._where}",
            scopes=scopes(self.name, "pull"),
            headers=headers or {},
            also=also,
        )

    def _kind(self, response: ClientResponse, raw: bytes) -> str:
        """Header and content must agree, or one manifest could be two things."""
        said, own = _type(response), _own_type(raw)
        if "docker.distribution.manifest.v1+" in f"{said} {own}":
            hint = "Push it anew with a Docker of this decade"
            raise Broken(f"{self.name} is an image of Docker's first format", hint=hint)
        if own and said not in GENERIC and own != said:
            raise Broken(f"the manifest of {self.name} says that it is {own}, and the registry that it is {said}")
        return own or said

    @property
    def _where(self) -> str:
        return f"{self.name.host}/{self.name.repository}"


def _type(response: ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _own_type(raw: bytes) -> str:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    kind = found.get("mediaType", "") if isinstance(found, dict) else ""
    return kind if isinstance(kind, str) else ""
