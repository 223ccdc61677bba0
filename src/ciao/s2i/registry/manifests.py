"""Manifests as they are put, listed and removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ciao.errors import BundleError
from ciao.s2i.registry.answers import digest_of, whole
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.door import Door
from ciao.s2i.registry.errors import BlobUnknown, Broken, Refused
from ciao.s2i.registry.uploads import scopes
from ciao.s2i.registry.wire import Ask

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["delete", "put", "tags"]

UNKNOWN = ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN")
PAGES = 1000
MOST = 200_000
"""Tags. A part of them would be no answer: what is needed may be removed if it is not seen."""
LARGEST = 4 * 1024 * 1024
"""Bytes of one page of tags."""


async def put(door: Door, name: Reference, media_type: str, raw: bytes) -> Descriptor:
    """Under a tag, else under its own digest. Doing it twice does no harm."""
    found = Descriptor(media_type=media_type, digest=digest_of(raw), size=len(raw))
    if name.digest and name.digest != found.digest:
        raise BundleError(f"the manifest for {name} has another digest, {found.digest}")
    ask = Ask(
        method="PUT",
        host=name.host,
        url=f"/v2/{name.repository}/manifests/{name.tag or found.digest}",
        doing=f"pushing {name}",
        scopes=scopes(name, "pull,push"),
        headers={"Content-Type": media_type},
        body=raw,
    )
    try:
        async with door.answered(ask, name) as response:
            said = response.headers.get("Docker-Content-Digest")
    except Refused as error:
        if error.code in UNKNOWN:
            hint = "Push its parts again"
            raise BlobUnknown(f"{name.host}/{name.repository} has lost a part of {name}", hint=hint) from None
        raise
    if said and said != found.digest:
        raise Broken(f"the registry {name.host} has kept another manifest than was sent: {said}")
    return found


async def tags(door: Door, name: Reference) -> tuple[str, ...]:
    """Page by page."""
    url, found = f"/v2/{name.repository}/tags/list", dict[str, None]()
    for _ in range(PAGES):
        doing = f"listing the tags of {name.host}/{name.repository}"
        ask = Ask(method="GET", host=name.host, url=url, doing=doing, scopes=scopes(name, "pull"), also=(404,))
        async with door.answered(ask, name) as response:
            if response.status == 404:
                return tuple(found)
            found |= dict.fromkeys(_tags(await whole(response, LARGEST, what=f"a list of tags of {name}"), name))
            url = _next(response)
        if not url:
            return tuple(found)
        if len(found) > MOST:
            break
    raise Broken(f"the list of tags of {name.host}/{name.repository} has no end", hint="Its administrator can see why")


async def delete(door: Door, name: Reference) -> None:
    """One that is not there any more is deleted."""
    if not name.digest:
        raise BundleError(f"{name} has no digest, by which alone it can be deleted")
    ask = Ask(
        method="DELETE",
        host=name.host,
        url=f"/v2/{name.repository}/manifests/{name.digest}",
        doing=f"deleting {name}",
        scopes=scopes(name, "delete"),
        also=(404, 405),
    )
    async with door.answered(ask, name) as response:
        if response.status == 405:
            hint = "Its administrator has to allow it (docker-registry: storage.delete.enabled)"
            raise BundleError(f"the registry {name.host} does not allow that images are deleted", hint=hint)


def _next(response: ClientResponse) -> str:
    """The next page, of the same registry, whatever host it says; empty for the last."""
    try:
        link = response.links.get("next")
        url = urlsplit(str(link.get("url", ""))) if link else urlsplit("")
    except ValueError:
        raise Broken("the registry sends us to an address that is none") from None
    return f"/{url.path.lstrip('/')}?{url.query}" if url.path else ""


def _tags(raw: bytes, name: Reference) -> list[str]:
    try:
        return [tag for tag in json.loads(raw)["tags"] or [] if isinstance(tag, str)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Broken(f"the registry {name.host} lists tags in a way that is none") from None
