"""Images into a registry: what is named first, what names it last, so that nothing half-pushed is ever referenced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ciao.model import Packing
from ciao.s2i.base import Tell
from ciao.s2i.documents import FOREIGN
from ciao.s2i.oci import Image, digest_of, indexed
from ciao.s2i.registry.base import Descriptor, Reference, Registry, Sent
from ciao.s2i.registry.errors import BlobUnknown
from ciao.s2i.uses import Uses

__all__ = ["composed", "publish", "push", "tagged"]

_AT_ONCE = 3
"""Blobs of a base that are copied at the same time."""


def tagged(repository: Reference, digest: str) -> Reference:
    """Where an image of a cell goes: under a tag of its own, which follows from its content and so never moves.

    It has one because registries remove what has none, and a job may still pull it.
    """
    return replace(repository, tag=f"cell-{digest.removeprefix('sha256:')[:12]}", digest="")


def composed(images: Sequence[Image], about: Mapping[str, str]) -> tuple[str, bytes, str]:
    """Media type, bytes and digest of what names the images: the manifest of a single one, or an index."""
    if len(images) == 1:
        return images[0].base.media_type, images[0].manifest, images[0].descriptor.digest
    media_type, raw = indexed(images, about=about)
    return media_type, raw, digest_of(raw)


async def publish(
    images: Sequence[Image],
    *,
    registry: Registry,
    repository: Reference,
    about: Mapping[str, str],
    uses: Uses,
    tell: Tell,
) -> Reference:
    """Have the image, or the images of several platforms, in the repository; returns it by its digest.

    Where this machine has pushed it before, one question makes sure that it is there; pushing it takes five requests.
    """
    media_type, raw, digest = composed(images, about)
    name = tagged(repository, digest)
    if uses.last(digest) is None or not await _is_there(registry, name, digest):
        for image in images:
            await push(image, registry=registry, into=tagged(repository, image.descriptor.digest), tell=tell)
        if len(images) > 1:
            await registry.push_manifest(name, media_type, raw)
    return replace(repository, tag="", digest=digest)


async def push(
    image: Image, *, registry: Registry, into: Reference, tell: Tell, step: str = "pushing the code"
) -> Descriptor:
    """Have an image under a tag: the base's blobs, its own, then the manifest.

    A registry that has lost a blob that this process believes to be there is given all of them again, once.
    """
    try:
        return await _push(image, registry, into, tell, step)
    except BlobUnknown:
        return await _push(image, registry, into, tell, step)


async def _push(image: Image, registry: Registry, into: Reference, tell: Tell, step: str) -> Descriptor:
    gate = asyncio.Semaphore(_AT_ONCE)
    below = [blob for blob in image.base.blobs if not FOREIGN.fullmatch(blob.media_type)]
    copying = _Progress(tell, f"copying {image.base.name}", sum(blob.size for blob in below))
    pushing = _Progress(tell, step, sum(layer.size for layer in image.layers))

    async def copy(blob: Descriptor) -> None:
        async with gate:
            await registry.copy_blob(image.base.reference, into, blob, sent=copying.of(blob))
        copying.ended(blob)

    try:
        async with asyncio.TaskGroup() as group:
            for blob in below:
                group.create_task(copy(blob))
            for layer in image.layers:
                blob = image.descriptor_of(layer)
                group.create_task(registry.push_blob(into, blob, layer.content, sent=pushing.of(blob)))
            group.create_task(registry.push_blob(into, image.config_descriptor, image.config))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the first tells it: the others were ended because of it
    return await registry.push_manifest(into, image.base.media_type, image.manifest)


async def _is_there(registry: Registry, name: Reference, digest: str) -> bool:
    there = await registry.find(name)
    return there is not None and there.digest == digest


class _Progress:
    """How far several transfers are, as one. Nothing is told of what need not be transferred."""

    def __init__(self, tell: Tell, step: str, total: int) -> None:
        self._tell = tell
        self._step = step
        self._total = total
        self._done: dict[str, int] = {}

    def of(self, blob: Descriptor) -> Sent:
        """What the transfer of one blob is given to tell of itself."""

        def sent(done: int) -> None:
            self._done[blob.digest] = done
            self._tell(Packing(step=self._step, done=sum(self._done.values()), total=self._total))

        return sent

    def ended(self, blob: Descriptor) -> None:
        """All of it is there, however it came."""
        self._done[blob.digest] = blob.size
