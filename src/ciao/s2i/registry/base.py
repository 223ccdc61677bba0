"""The seam to an image registry: the few requests that S2I makes, and the values in them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Descriptor", "Document", "Reference", "Registry", "Sent"]

Sent = Callable[[int], None]
"""Told how many bytes of a blob were sent or received so far; it goes back to 0 when a transfer begins anew."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image's name, in full: host with its port, repository, and a tag, a digest, or neither."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag, digest = (f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else "")
        return f"{self.host}/{self.repository}{tag}{digest}"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """A blob or a manifest by its content: ``digest`` is ``sha256:`` and 64 hexadecimal digits, ``size`` in bytes."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A manifest or an index exactly as the registry has it; its digest was checked."""

    media_type: str
    digest: str
    raw: bytes


class Registry(Protocol):
    """Every registry that the user's credentials reach; each name says which.

    All methods raise BundleError, in words, with what to do; they never show a credential. They can be cancelled.
    """

    async def manifest(self, name: Reference) -> Document:
        """The manifest or index of a tag or digest, at most 4 MiB."""

    async def find(self, name: Reference) -> Descriptor | None:
        """What a tag or digest is now, without its content; None if it is not there."""

    async def blob(self, name: Reference, digest: str, *, most: int) -> bytes:
        """A small blob, such as an image's config, of the name's repository. Its digest is checked."""

    def stream(self, name: Reference, digest: str) -> AsyncGenerator[bytes, None]:
        """A blob in pieces; its digest is checked, at its end. Close it with ``aclosing``."""

    async def push_blob(
        self, name: Reference, blob: Descriptor, content: bytes | Path, *, sent: Sent | None = None
    ) -> None:
        """Have a blob in the name's repository. A file is streamed. One that is known to be there is not sent."""

    async def copy_blob(
        self, source: Reference, name: Reference, blob: Descriptor, *, sent: Sent | None = None
    ) -> bool:
        """Have a blob of one repository in another: mounted where that is possible, else copied. Whether copied."""

    async def push_manifest(self, name: Reference, media_type: str, raw: bytes) -> Descriptor:
        """Put a manifest or index under a tag, or under its own digest if the name has no tag.

        Raises BlobUnknown, a BundleError, if the registry lacks a blob that it names: then what this client knew of the
        repository's blobs is forgotten, and pushing all of them again is safe.
        """

    async def tags(self, name: Reference) -> Sequence[str]:
        """All tags of a repository, none if there is no such repository."""

    async def delete(self, name: Reference) -> None:
        """Remove a manifest by its digest, and so all of its tags."""

    async def close(self) -> None:
        """Close every connection."""
