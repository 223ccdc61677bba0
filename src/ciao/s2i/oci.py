"""Images as values: a base for one platform, and what becomes of it with layers on top.

Everything here is a pure function: the same base and the same layers make the same digests, on every machine and
every day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ciao.s2i.documents import DOCKER, OCI, Family, descriptor, family_of
from ciao.s2i.layer import Layer
from ciao.s2i.platforms import Platform
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.names import parse

__all__ = ["PACKAGES", "Base", "Image", "appended", "digest_of", "indexed", "scratch"]

_EPOCH = "1970-01-01T00:00:00Z"
_OURS = "dev.ciao."
"""What begins so is told of an image by Ciao, and holds for what is built on it too."""
PACKAGES = _OURS + "requirements.key"
"""The label of an image with packages: which they are."""

_BASE = "org.opencontainers.image.base."

_NOWHERE = Reference(host="", repository="")


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base image for one platform. ``name`` is that in the :class:`~ciao.model.Target`.

    ``reference`` is where its manifest is, by digest and without a tag; ``media_type`` is that of ``manifest``.
    ``platform`` is as in ``linux/arm64``. Manifest and config are as :mod:`ciao.s2i.documents` lets them through, and
    nobody changes them.
    """

    name: str
    reference: Reference
    platform: str
    manifest: Mapping[str, Any] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    media_type: str

    @property
    def digest(self) -> str:
        """That of its manifest; empty for :func:`scratch`."""
        return self.reference.digest

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Its layers, the lowest first."""
        return tuple(descriptor(layer, self.name) for layer in self.manifest["layers"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of its config."""
        labels = (self.config.get("config") or {}).get("Labels")
        return {key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}

    @property
    def user(self) -> int | None:
        """The number of the user that it names, where it names one by number, and not root."""
        user = str((self.config.get("config") or {}).get("User") or "").partition(":")[0]
        return int(user) if user.isascii() and user.isdigit() and 0 < int(user) < 2**31 else None

    @property
    def packages(self) -> str:
        """The key of the packages in it, if Ciao put them there."""
        return self.labels.get(PACKAGES, "")

    @property
    def family(self) -> Family:
        """The media types of all that is added to it."""
        return family_of(self.media_type) or OCI


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image as it will be pushed: ``layers`` on a base, with the very bytes of its config and manifest."""

    base: Base
    layers: tuple[Layer, ...]
    config: bytes = field(repr=False)
    manifest: bytes = field(repr=False)

    @property
    def descriptor(self) -> Descriptor:
        """Of its manifest."""
        return _described(self.base.media_type, self.manifest)

    @property
    def config_descriptor(self) -> Descriptor:
        """Of its config."""
        return _described(self.base.family.config, self.config)

    def descriptor_of(self, layer: Layer) -> Descriptor:
        """Of one of its layers, in the words of the base's family."""
        return _in_family(self.base.family, layer)

    def at(self, repository: Reference) -> Base:
        """The same as the base of another, once it is in this repository."""
        return Base(
            name=self.base.name,
            reference=Reference(host=repository.host, repository=repository.repository, digest=self.descriptor.digest),
            platform=self.base.platform,
            manifest=json.loads(self.manifest),
            config=json.loads(self.config),
            media_type=self.base.media_type,
        )


def scratch(platform: str) -> Base:
    """The base that has nothing in it."""
    is_for = Platform.parse(platform)
    config: dict[str, Any] = {"os": is_for.os, "architecture": is_for.architecture}
    if str(is_for).count("/") == 2:
        config["variant"] = is_for.variant
    return Base(
        name="scratch",
        reference=_NOWHERE,
        platform=str(is_for),
        manifest={"schemaVersion": 2, "mediaType": OCI.manifest, "layers": []},
        config=config | {"config": {}, "rootfs": {"type": "layers", "diff_ids": []}},
        media_type=OCI.manifest,
    )


def appended(base: Base, layers: Sequence[Layer], *, about: Mapping[str, str], command: Sequence[str] = ()) -> Image:
    """The base with layers on top.

    ``about`` becomes labels, and annotations where the family has them. A ``command`` becomes the entrypoint, and the
    base's own command goes, because it would become its arguments. All else of the base stays: user, working
    directory, environment, ports, volumes, and the time of its making, of which the new layers have none of their own.
    """
    layers = tuple(layers)
    config = _canonical(_config(base, layers, {**_origin(base), **about}, command))
    described = _described(base.family.config, config)
    manifest = {key: value for key, value in base.manifest.items() if key not in ("annotations", "subject")}
    manifest["config"] = _entry(described)
    manifest["layers"] = [*base.manifest["layers"], *(_entry(_in_family(base.family, layer)) for layer in layers)]
    if base.family is OCI:
        manifest["annotations"] = {**_origin(base), **about}
    return Image(base=base, layers=layers, config=config, manifest=_canonical(manifest))


def indexed(images: Sequence[Image], *, about: Mapping[str, str]) -> tuple[str, bytes]:
    """An index of images for different platforms, and its media type."""
    family = DOCKER if all(image.base.family is DOCKER for image in images) else OCI
    entries = [{**_entry(image.descriptor), "platform": _platform(image.base)} for image in images]
    index = {"schemaVersion": 2, "mediaType": family.index, "manifests": entries}
    return family.index, _canonical(index | ({"annotations": dict(about)} if family is OCI else {}))


def digest_of(raw: bytes) -> str:
    """By what everything in a registry is named."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _config(base: Base, layers: Sequence[Layer], about: Mapping[str, str], command: Sequence[str]) -> dict[str, Any]:
    config = dict(base.config)
    made = config.setdefault("created", _EPOCH)
    config["rootfs"] = {
        "type": "layers",
        "diff_ids": [*base.config["rootfs"]["diff_ids"], *(x.diff_id for x in layers)],
    }
    history = base.config.get("history", None if base.blobs else [])
    if isinstance(history, list):  # else it would tell of fewer layers than there are
        config["history"] = [*history, *({"created": made, "created_by": "ciao"} for _ in layers)]
    runs = dict(base.config.get("config") or {})
    if command:
        runs["Entrypoint"] = list(command)
        runs.pop("Cmd", None)
    runs["Labels"] = {**base.labels, **about}
    return config | {"config": runs}


def _origin(base: Base) -> dict[str, str]:
    """Where it all comes from, by the keys of the specification, and what Ciao told of the base if it made that."""
    told = {key: value for key, value in base.labels.items() if key.startswith((_OURS, _BASE))}
    if any(key.startswith(_OURS) for key in told):
        return told
    return {_BASE + "name": str(parse(base.name)), _BASE + "digest": base.digest} if base.digest else {}


def _in_family(family: Family, layer: Layer) -> Descriptor:
    media_type = {OCI.tar: family.tar, OCI.gzip: family.gzip}[layer.media_type]
    return Descriptor(media_type=media_type, digest=layer.digest, size=layer.size)


def _platform(base: Base) -> dict[str, str]:
    is_for = Platform.parse(base.platform)
    words = {"os": is_for.os, "architecture": is_for.architecture}
    return words | ({"variant": is_for.variant} if is_for.variant and is_for.architecture != "amd64" else {})


def _described(media_type: str, raw: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=digest_of(raw), size=len(raw))


def _entry(one: Descriptor) -> dict[str, Any]:
    return {"mediaType": one.media_type, "digest": one.digest, "size": one.size}


def _canonical(value: Mapping[str, Any]) -> bytes:
    """The one way to write it, whatever the order in which it was made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
