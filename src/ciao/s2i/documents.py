"""Manifests, indexes and configs as registries give them: data from elsewhere, read with limits.

What is wrong with one is said once, here; behind this door they have the shape that the specification promises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ciao.errors import BundleError
from ciao.s2i.platforms import Platform
from ciao.s2i.registry.base import Descriptor, Document

__all__ = [
    "DOCKER",
    "FOREIGN",
    "MOST_CONFIG",
    "OCI",
    "Family",
    "Offered",
    "config_of",
    "descriptor",
    "family_of",
    "is_index",
    "manifest_of",
    "offers",
    "platform_of",
]

MOST_CONFIG = 4 * 1024**2
"""Bytes of a config; as many as registries allow a manifest."""

_MOST_ENTRIES = 1000
_MOST_SIZE = 2**53
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_OTHER = "Name another base image with %image="


@dataclass(frozen=True, kw_only=True)
class Family:
    """The media types that go together: an image is of one family, and what is added to it too."""

    manifest: str
    index: str
    config: str
    tar: str
    gzip: str


OCI = Family(
    manifest="application/vnd.oci.image.manifest.v1+json",
    index="application/vnd.oci.image.index.v1+json",
    config="application/vnd.oci.image.config.v1+json",
    tar="application/vnd.oci.image.layer.v1.tar",
    gzip="application/vnd.oci.image.layer.v1.tar+gzip",
)
DOCKER = Family(
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    index="application/vnd.docker.distribution.manifest.list.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    tar="application/vnd.docker.image.rootfs.diff.tar",
    gzip="application/vnd.docker.image.rootfs.diff.tar.gzip",
)
FOREIGN = re.compile(r"application/vnd\.(docker\.image\.rootfs\.foreign|oci\.image\.layer\.nondistributable)\b.*")
"""Layers that lie elsewhere than in the registry, such as those of Windows."""


@dataclass(frozen=True, kw_only=True)
class Offered:
    """An image in an index. ``platform`` is None where the index does not say it."""

    descriptor: Descriptor
    platform: Platform | None


def family_of(media_type: str) -> Family | None:
    """Of a manifest or an index."""
    return next((f for f in (OCI, DOCKER) if media_type in (f.manifest, f.index)), None)


def is_index(document: Document, name: str) -> bool:
    """Whether it has images for several platforms. Raises BundleError if it is neither that nor an image."""
    return _kind(_object(document.raw, name), document, name) in (OCI.index, DOCKER.index)


def offers(document: Document, name: str) -> tuple[Offered, ...]:
    """The images of an index, without what is no image, such as attestations."""
    entries = _entries(_object(document.raw, name), "manifests", name)
    images = (e for e in entries if descriptor(e, name).media_type in (OCI.manifest, DOCKER.manifest))
    found = (Offered(descriptor=descriptor(e, name), platform=_platform(e.get("platform"))) for e in images)
    return tuple(one for one in found if one.platform is None or one.platform.architecture != "unknown")


def manifest_of(document: Document, name: str) -> tuple[str, dict[str, Any]]:
    """The manifest of one image, and its media type."""
    value = _object(document.raw, name)
    kind = _kind(value, document, name)
    if kind not in (OCI.manifest, DOCKER.manifest):
        raise _wrong(name, "has an index in its index")
    config = descriptor(value.get("config"), name)
    if config.media_type not in (OCI.config, DOCKER.config):
        raise _wrong(name, f"is no image that can be run: its config is {config.media_type[:80]!r}")
    for layer in _entries(value, "layers", name):
        descriptor(layer, name)
    return kind, value


def config_of(raw: bytes, manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The config of an image. It tells as many layers as its manifest has."""
    value = _object(raw, name)
    rootfs = value.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(isinstance(d, str) and _DIGEST.fullmatch(d) for d in diff_ids):
        raise _wrong(name, "has a config without digests of its layers")
    if len(diff_ids) != len(manifest["layers"]):
        raise _wrong(name, f"has {len(manifest['layers'])} layers, and its config tells of {len(diff_ids)}")
    if not isinstance(value.get("config") or {}, dict):
        raise _wrong(name, "has a config that is no object")
    return value


def platform_of(config: Mapping[str, Any], name: str) -> Platform:
    """What an image is for, by its own config."""
    found = _platform(config)
    if found is None:
        raise _wrong(name, "has a config that does not say for which platform it is")
    return found


def descriptor(value: object, name: str) -> Descriptor:
    """What points to a blob or manifest."""
    match value:
        case {"mediaType": str(media_type), "digest": str(digest), "size": int(size)} if 0 <= size <= _MOST_SIZE:
            if _DIGEST.fullmatch(digest) is None:
                raise _wrong(name, f"has a part by the digest {digest[:80]!r}, which is no SHA-256")
            return Descriptor(media_type=media_type, digest=digest, size=size)
        case _:
            raise _wrong(name, "has a manifest in which a part has no media type, digest or size")


def _kind(value: Mapping[str, Any], document: Document, name: str) -> str:
    """The media type, which is told in two places; who lets them differ wants to be read in two ways."""
    if value.get("schemaVersion") == 1:
        raise _wrong(name, "is in Docker's old format, schema 1", hint="Pull it and push it again with a current tool")
    known = [kind for kind in (document.media_type, value.get("mediaType")) if kind and family_of(str(kind))]
    if not known:
        raise _wrong(name, f"is no container image: its media type is {document.media_type[:80]!r}")
    index = known[0] in (OCI.index, DOCKER.index)
    if len(set(known)) > 1 or ("layers" if index else "manifests") in value:
        raise _wrong(name, "has a manifest that contradicts itself about its media type")
    return str(known[0])


def _platform(value: object) -> Platform | None:
    """None for anything but words: it is shown, and asked of nodes."""
    match value:
        case {"os": str(os), "architecture": str(architecture), "variant": str(variant)}:
            words = [os, architecture, variant] if variant else [os, architecture]
        case {"os": str(os), "architecture": str(architecture)}:
            words = [os, architecture]
        case _:
            return None
    return Platform.of(*words) if all(map(_WORD.fullmatch, words)) else None


def _entries(value: Mapping[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    entries = value.get(key)
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise _wrong(name, f"has a manifest without {key}")
    if len(entries) > _MOST_ENTRIES:
        raise _wrong(name, f"has a manifest with {len(entries):,} {key}; {_MOST_ENTRIES:,} are allowed")
    return entries


def _object(raw: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(raw, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError):
        raise _wrong(name, "has a manifest or config that is not JSON") from None
    if not isinstance(value, dict):
        raise _wrong(name, "has a manifest or config that is no JSON object")
    return value


def _number(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)  # NaN and its like are no JSON, and could not be written again


def _wrong(name: str, what: str, *, hint: str = _OTHER) -> BundleError:
    return BundleError(f"the image {name} {what}", hint=hint)
