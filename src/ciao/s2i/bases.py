"""Base images: by name in a registry, for the platforms on which the code will run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from ciao.errors import BundleError
from ciao.model import Notice, Target
from ciao.s2i.base import Tell
from ciao.s2i.documents import MOST_CONFIG, Offered, config_of, descriptor, is_index, manifest_of, offers, platform_of
from ciao.s2i.oci import Base
from ciao.s2i.platforms import DEFAULT, Platform, best
from ciao.s2i.registry.base import Document, Reference, Registry
from ciao.s2i.registry.errors import Refused, Unreachable
from ciao.s2i.registry.names import parse
from ciao.settings import Settings

__all__ = ["named", "resolve", "suited"]

_MOST = 64
_documents: WeakKeyDictionary[Registry, dict[Reference, Document]] = WeakKeyDictionary()
_bases: WeakKeyDictionary[Registry, dict[Reference, Base]] = WeakKeyDictionary()
"""What was read from each registry by its digest, and so is the same for ever. A tag is asked for every time."""


async def resolve(
    registry: Registry, name: str, platforms: Sequence[str] = (), *, every: bool = False
) -> tuple[Base, ...]:
    """The image of this name, once for each of the platforms that it is made for, or for ``every`` one of them.

    Without platforms it is the image itself, and of an index that for linux/amd64. Raises BundleError if there is none
    for them, or if what is there is no image.
    """
    machines = [Platform.parse(text) for text in dict.fromkeys(platforms)]
    at = await _found(registry, name)
    document = await _document(registry, at)
    if not is_index(document, name):
        base = await _base(registry, at, name)
        _check([Platform.parse(base.platform)], machines, name, every=every)
        return (base,)
    offered = offers(document, name)
    chosen = _chosen(offered, machines or [Platform.parse(DEFAULT)], name, every=every)
    return tuple([await _base(registry, replace(at, digest=one.descriptor.digest), name) for one in chosen])


async def suited(registry: Registry, name: str, target: Target, *, settings: Settings, tell: Tell) -> tuple[Base, ...]:
    """The image for the platforms that are set, or else for those of the nodes. Tells of nodes that it does not run on.

    Raises BundleError besides for an image that has no Python, where that can be seen without reading it.
    """
    stated = settings.s2i_platforms
    try:
        bases = await resolve(registry, name, stated or target.platforms, every=bool(stated))
    except (Refused, Unreachable) as error:
        if parse(name).host != (settings.s2i_registry or "").partition("/")[0]:  # whose mistakes are looked for first
            error.message += f", when asked for the base image {name}"
        raise
    if not bases[0].blobs:
        raise BundleError(
            f"the image {name} has nothing in it, and the code needs a Python",
            hint="Name a base image that has Python 3 with %image=",
        )
    made = [Platform.parse(base.platform) for base in bases]
    lacking = [node for node in target.platforms if best(made, Platform.parse(node)) is None]
    if lacking:
        others, own = ", ".join(lacking), ", ".join(map(str, made))
        way_out = "A replica that gets there fails: %patch with a nodeSelector of kubernetes.io/arch keeps it away"
        tell(Notice(text=f"{name} is for {own}, and some nodes are {others}. {way_out}.", level="warning"))
    return bases


def named(target: Target) -> Sequence[str]:
    """The base images of a job. Raises BundleError if it has none."""
    if not target.bases:
        hint = "Name it with %image=, or set images.FRAMEWORK, such as images.pytorch"
        raise BundleError("it is not known which image the replicas have", hint=hint)
    return target.bases


async def _found(registry: Registry, name: str) -> Reference:
    """Where it is, by digest."""
    reference = parse(name)
    if reference.digest:
        return replace(reference, tag="")
    there = await registry.find(replace(reference, tag=reference.tag or "latest"))
    if there is None:
        hint = "Look at its spelling, and whether it was pushed. Name another with %image="
        raise BundleError(f"there is no image {name}", hint=hint)
    return replace(reference, tag="", digest=there.digest)


def _chosen(offered: Sequence[Offered], machines: Sequence[Platform], name: str, *, every: bool) -> list[Offered]:
    """Those images of an index that suit the machines, each once: one may suit several."""
    if len(offered) == 1 and offered[0].platform is None:
        return list(offered)  # an index of a single image need not say what it is for
    known = [(one, one.platform) for one in offered if one.platform is not None]
    platforms = [platform for _, platform in known]
    _check(platforms, machines, name, every=every)
    fits = dict.fromkeys(best(platforms, machine) for machine in machines)
    return [known[i][0] for i in fits if i is not None]


def _check(offered: Sequence[Platform], machines: Sequence[Platform], name: str, *, every: bool) -> None:
    lacking = [machine for machine in machines if best(offered, machine) is None]
    if lacking and (every or len(lacking) == len(machines)):
        made = ", ".join(dict.fromkeys(map(str, offered))) or "no platform at all"
        raise BundleError(
            f"the image {name} is not made for {', '.join(map(str, lacking))}: it is for {made}",
            hint="Name another base image with %image=, or set s2i.platforms to what your nodes are",
        )


async def _base(registry: Registry, at: Reference, name: str) -> Base:
    known = _bases.setdefault(registry, {})
    if at not in known:
        media_type, manifest = manifest_of(await _document(registry, at), name)
        config = descriptor(manifest["config"], name)
        if config.size > MOST_CONFIG:
            raise BundleError(
                f"the image {name} has a config of {config.size:,} bytes; {MOST_CONFIG:,} are allowed",
                hint="Name another base image with %image=",
            )
        read = config_of(await registry.blob(at, config.digest, most=MOST_CONFIG), manifest, name)
        platform = platform_of(read, name)
        if platform.os != "linux":
            raise BundleError(
                f"the image {name} is for {platform}, and replicas run on Linux",
                hint="Name another base image with %image=",
            )
        _forget_oldest(known)
        known[at] = Base(
            name=name, reference=at, platform=str(platform), manifest=manifest, config=read, media_type=media_type
        )
    return replace(known[at], name=name)


async def _document(registry: Registry, at: Reference) -> Document:
    known = _documents.setdefault(registry, {})
    if at not in known:
        document = await registry.manifest(at)
        _forget_oldest(known)
        known[at] = document
    return known[at]


def _forget_oldest(known: dict[Any, Any]) -> None:
    while len(known) >= _MOST:
        del known[next(iter(known))]
