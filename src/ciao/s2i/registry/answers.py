"""Reading what a registry sends, never more than was bargained for."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from ciao.s2i.registry.errors import Broken

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["DIGEST", "beginning", "checked", "digest_of", "known", "whole"]

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


async def whole(response: ClientResponse, most: int, *, what: str) -> bytes:
    """The body. Raises Broken if it has more than ``most`` bytes."""
    body = await beginning(response, most + 1)
    if len(body) > most:
        raise Broken(f"{what} is larger than {most:,} bytes", hint="This is not what it should be")
    return body


async def beginning(response: ClientResponse, most: int) -> bytes:
    """At most so many bytes of the body."""
    held = bytearray()
    while len(held) < most and (piece := await response.content.read(most - len(held))):
        held += piece
    return bytes(held)


def digest_of(content: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def known(digest: str, *, what: str) -> str:
    """The same. Raises Broken for one that is none: it came from a manifest, and goes into an address."""
    if not DIGEST.fullmatch(digest):
        raise Broken(f"{what} is named by {digest[:80]!r}", hint="Ciao knows digests of sha256 only")
    return digest


def checked(found: str, wanted: str, *, what: str) -> None:
    """Raises Broken if it is not what was asked for."""
    if found != wanted:
        raise Broken(
            f"{what} arrived with other content: {found} in place of {wanted}",
            hint="The registry, or a proxy before it, has damaged it",
        )
