"""What Ciao has pushed: a list of it, and what of it nobody needs any more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ciao.s2i.documents import MOST_CONFIG, descriptor, is_index, manifest_of, offers
from ciao.s2i.oci import PACKAGES
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.errors import Refused
from ciao.s2i.uses import Uses

__all__ = ["KINDS", "Pushed", "delete", "outdated", "pushed"]

KINDS = ("cell", "packages", "site", "base")
"""Tags of ours begin so: code, packages on a base, packages alone, and what a build on this machine stood on."""

_AT_ONCE = 8
_ADDED = "dev.ciao.requirements.added"
_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """An image in the registry. ``kind`` is one of :data:`KINDS`, ``title`` the file of the cell, or the packages.

    ``size`` is that of the layer that Ciao made, in bytes. ``parts`` are the digests of the images of an index.
    ``used`` is when this machine last pushed or used it, in seconds since the epoch, None if never. ``jobs`` are those
    that need it, as far as anybody was asked.
    """

    digest: str
    tags: tuple[str, ...]
    kind: str
    title: str
    size: int
    parts: tuple[str, ...] = ()
    used: float | None = None
    jobs: tuple[str, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """By which jobs may name it."""
        return (self.digest, *self.parts)


async def pushed(
    registry: Registry, repository: Reference, *, uses: Uses, jobs: Mapping[str, Sequence[str]]
) -> tuple[Pushed, ...]:
    """All images of ours, the last used first; those whose age is not known come last.

    ``jobs`` are the names of those that go on, by their images as the nodes name them: what counts is the digest.
    """
    tags = [tag for tag in await registry.tags(repository) if tag.partition("-")[0] in KINDS]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(tag: str) -> Pushed | None:
        async with gate:
            return await _read(registry, replace(repository, tag=tag, digest=""))

    found = _joined(one for one in await asyncio.gather(*map(read, tags)) if one is not None)
    known = (replace(one, used=uses.last(*one.digests, *one.tags), jobs=_jobs(one, jobs)) for one in found)
    return tuple(sorted(known, key=lambda one: (-(one.used or 0.0), one.tags)))


def outdated(images: Iterable[Pushed], *, before: float, unknown: bool = False) -> tuple[Pushed, ...]:
    """Those that no job needs and that were last used before this time; with ``unknown`` also those never used here."""
    return tuple(one for one in images if not one.jobs and (unknown if one.used is None else one.used < before))


async def delete(
    registry: Registry, repository: Reference, one: Pushed, *, uses: Uses, kept: Collection[str] = ()
) -> None:
    """Remove an image, and those of its platforms that are not ``kept``. What named it goes before what it names."""
    for digest in one.digests:
        if digest not in kept:
            await registry.delete(replace(repository, tag="", digest=digest))
    uses.forget(*one.digests, *one.tags)


async def _read(registry: Registry, name: Reference) -> Pushed | None:
    """None if it was removed meanwhile."""
    try:
        document = await registry.manifest(name)
        parts: tuple[str, ...] = ()
        digest = document.digest
        if is_index(document, str(name)):
            parts = tuple(one.descriptor.digest for one in offers(document, str(name)))
            document = await registry.manifest(replace(name, tag="", digest=parts[0]))
        _, manifest = manifest_of(document, str(name))
        about = manifest.get("annotations") or await _labels(registry, name, manifest)
    except Refused as error:
        if error.status != 404:
            raise
        return None
    return Pushed(
        digest=digest,
        tags=(name.tag,),
        kind=name.tag.partition("-")[0],
        title=_title(about),
        size=int(manifest["layers"][-1]["size"]) if manifest["layers"] else 0,
        parts=parts,
    )


async def _labels(registry: Registry, name: Reference, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where Docker's images tell of themselves."""
    config = descriptor(manifest["config"], str(name))
    read = json.loads(await registry.blob(name, config.digest, most=MOST_CONFIG))
    labels = (read.get("config") or {}).get("Labels")
    return labels if isinstance(labels, dict) else {}


def _title(about: Mapping[str, Any]) -> str:
    """The cell's file, or what was installed."""
    if _TITLE in about:
        packages = f" with packages {about[PACKAGES]}" if PACKAGES in about else ""
        return f"{about[_TITLE]}{packages}"
    try:
        added = json.loads(about.get(_ADDED, "{}"))
    except (ValueError, TypeError):
        return ""
    return ", ".join(f"{name} {version}" for name, version in added.items()) if isinstance(added, dict) else ""


def _joined(found: Iterable[Pushed]) -> list[Pushed]:
    """Each image once, with all its tags; those of an index are its parts."""
    by_digest: dict[str, Pushed] = {}
    for one in found:
        known = by_digest.get(one.digest)
        by_digest[one.digest] = replace(one, tags=(*known.tags, *one.tags)) if known else one
    parts = {digest for one in by_digest.values() for digest in one.parts}
    return [one for one in by_digest.values() if one.digest not in parts]


def _jobs(one: Pushed, jobs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    names = {name for image, names in jobs.items() if image.partition("@")[2] in one.digests for name in names}
    return tuple(sorted(names))
