"""What tests push to registries, and with what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciao.k8s.api import Patience
from ciao.s2i.registry.answers import digest_of
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.client import Client
from ciao.settings import Settings

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Slept:
    """Waits that nobody waited for."""

    seconds: list[float] = field(default_factory=list)

    @property
    def patience(self) -> Patience:
        return Patience(sleep=self._sleep, jitter=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def client(*, environ: Mapping[str, str] | None = None, slept: Slept | None = None, **more: Any) -> Client:
    """One that waits for nothing between two tries. ``s2i_*`` are settings, the rest is the client's."""
    given = {key: more.pop(key) for key in tuple(more) if key.startswith("s2i_")}
    settings = more.pop("settings", None) or Settings(home=Path("/nowhere"), **given)
    more.setdefault("patience", (slept or Slept()).patience)
    return Client(settings, environ=environ or {}, **more)


def described(content: bytes, media_type: str = LAYER) -> Descriptor:
    return Descriptor(media_type=media_type, digest=digest_of(content), size=len(content))


@dataclass(frozen=True, kw_only=True)
class Image:
    """One layer, a config, and the manifest of both."""

    layer: bytes
    config: bytes = b"{}"

    @property
    def manifest(self) -> bytes:
        parts = (described(self.config, CONFIG), described(self.layer))
        config, layer = ({"mediaType": p.media_type, "digest": p.digest, "size": p.size} for p in parts)
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).encode()


async def push(registry: Client, name: Reference, image: Image) -> Descriptor:
    """As Ciao does: two uploads at once, then the manifest."""
    await asyncio.gather(
        registry.push_blob(name, described(image.layer), image.layer),
        registry.push_blob(name, described(image.config, CONFIG), image.config),
    )
    return await registry.push_manifest(name, MANIFEST, image.manifest)
