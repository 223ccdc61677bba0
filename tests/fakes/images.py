"""Tiny images, made by code, as they lie in registries: of both families, for several platforms, with odd layers."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ciao.s2i.documents import DOCKER, OCI, Family
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
from ciao.s2i.registry.base import Descriptor, Reference, Registry

RUNS: Mapping[str, Any] = {
    "User": "1001:0",
    "WorkingDir": "/srv",
    "Env": ["PATH=/usr/bin", "PYTHON_VERSION=3.11.2"],
    "Entrypoint": ["tini", "--"],
    "Cmd": ["python3"],
    "ExposedPorts": {"80/tcp": {}},
    "Volumes": {"/data": {}},
    "Labels": {"team": "vision"},
}


@dataclass(frozen=True, kw_only=True)
class Blob:
    """One layer: what the manifest says of it, and what is in it. ``diff_id`` is that of the tar."""

    media_type: str
    content: bytes
    diff_id: str
    urls: tuple[str, ...] = ()

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(media_type=self.media_type, digest=sha256(self.content), size=len(self.content))

    def entry(self) -> dict[str, Any]:
        one = self.descriptor
        entry: dict[str, Any] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
        return entry | ({"urls": list(self.urls)} if self.urls else {})


def sha256(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def layer(family: Family = OCI, *paths: str) -> Blob:
    """A compressed layer with files of these paths; a Python, if none are named."""
    packed = pack(
        [Entry(path=path, source=path.encode(), executable=True) for path in paths or ("usr/bin/python3.11",)]
    )
    assert isinstance(packed.content, bytes)
    return Blob(media_type=family.gzip, content=gzip.compress(packed.content, mtime=0), diff_id=packed.diff_id)


def config(layers: Sequence[Blob], *, platform: str = "linux/amd64", **more: Any) -> dict[str, Any]:
    os, architecture, *variant = platform.split("/")
    return {
        "created": "2024-05-06T07:08:09.123456789Z",
        "os": os,
        "architecture": architecture,
        **({"variant": variant[0]} if variant else {}),
        "config": dict(RUNS),
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created": "2024-05-06T07:08:09Z", "created_by": "its maker"} for _ in layers],
        **more,
    }


async def put(
    registry: Registry,
    name: Reference,
    *,
    layers: Sequence[Blob] | None = None,
    family: Family = OCI,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Descriptor:
    """Have an image in a registry; ``settings`` replaces its config, ``more`` goes into its manifest."""
    layers = [layer(family)] if layers is None else layers
    raw = json.dumps(settings if settings is not None else config(layers)).encode()
    about = Descriptor(media_type=family.config, digest=sha256(raw), size=len(raw))
    for one in layers:
        if not one.urls:
            await registry.push_blob(name, one.descriptor, one.content)
    await registry.push_blob(name, about, raw)
    manifest = {
        "schemaVersion": 2,
        "mediaType": family.manifest,
        "config": {"mediaType": about.media_type, "digest": about.digest, "size": about.size},
        "layers": [one.entry() for one in layers],
        **more,
    }
    return await registry.push_manifest(name, family.manifest, json.dumps(manifest).encode())


async def put_raw(registry: Registry, name: Reference, media_type: str, value: object) -> Descriptor:
    """Have any manifest there, whatever it says."""
    return await registry.push_manifest(name, media_type, json.dumps(value).encode())


async def put_index(
    registry: Registry, name: Reference, platforms: Sequence[str], *, family: Family = OCI, attested: bool = False
) -> Mapping[str, Descriptor]:
    """Have one image for several platforms; returns those by platform."""
    found: dict[str, Descriptor] = {}
    for platform in platforms:
        layers = [layer(family, "usr/bin/python3.11", f"etc/{platform.replace('/', '-')}")]
        one = config(layers, platform=platform)
        found[platform] = await put(registry, replace(name, tag=""), layers=layers, family=family, settings=one)
    entries = [_entry(one, platform) for platform, one in found.items()]
    if attested:
        other = await put(registry, replace(name, tag=""), layers=[layer(family, "attestation")], family=family)
        entries.insert(0, _entry(other, "unknown/unknown"))
    index = {"schemaVersion": 2, "mediaType": family.index, "manifests": entries}
    await registry.push_manifest(name, family.index, json.dumps(index).encode())
    return found


def _entry(one: Descriptor, platform: str) -> dict[str, Any]:
    os, architecture, *variant = platform.split("/")
    words = {"os": os, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    return {"mediaType": one.media_type, "digest": one.digest, "size": one.size, "platform": words}


__all__ = ["DOCKER", "OCI", "RUNS", "Blob", "config", "layer", "put", "put_index", "put_raw", "sha256"]
