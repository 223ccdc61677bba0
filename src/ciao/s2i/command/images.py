"""The images of one build: what a tool is asked to make, one order after another.

A user's own Dockerfile is built first, by the same tool, with its folder as the context; the code goes on top of what
comes out of it. So its stages, its ``.dockerignore`` and its cache are the tool's business, and none of Ciao's.
"""

from __future__ import annotations

import asyncio
import hashlib
import platform as this
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ciao.s2i.command import source_to_image
from ciao.s2i.command.building import Building
from ciao.s2i.command.dockerfile import wants_base, written
from ciao.s2i.oci import Base
from ciao.s2i.platforms import Platform
from ciao.s2i.registry.base import Reference

__all__ = ["Images"]

MACHINE = str(Platform.of("linux", this.machine().lower()))
"""What a builder builds for, if it is told of nothing else."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of one build. All that is the same for each base."""

    building: Building
    into: Reference
    context: Path
    command: Sequence[str]
    about: Mapping[str, str]
    packages: bool
    dockerfile: Path | None

    async def on(self, base: Base) -> Reference:
        """The image on this base, pushed."""
        below, user = str(base.reference), str((base.config.get("config") or {}).get("User") or "")
        platform = "" if base.platform == MACHINE else base.platform
        if self.dockerfile is not None:
            below = await self._of_user(self.dockerfile, below, platform)
        if self.building.found.assembles:
            user = user if self.dockerfile is None else await self.building.user_of(below)
            return await self._assembled(below, platform, user)
        text = written(below, self.command, about=self.about, packages=self.packages)
        return await self._pushed(text, platform)

    async def _pushed(self, dockerfile: str, platform: str) -> Reference:
        name = str(replace(self.into, tag=f"cell-{secrets.token_hex(6)}"))
        order = await self.building.order(name, self.context, dockerfile, platform=platform, cached=self.packages)
        self.building.orders.append(order)
        return replace(self.into, digest=await self.building.make(order))

    async def _of_user(self, dockerfile: Path, base: str, platform: str) -> str:
        """What comes out of the user's Dockerfile, under a name that stays: its steps are the cache of the next time.

        A tool without images of its own has it in the registry.
        """
        asks = wants_base(await asyncio.to_thread(dockerfile.read_text, "utf-8", "replace"))
        arguments = {"BASE": base} if asks else {}
        key = hashlib.sha256(f"{dockerfile}\0{arguments}\0{platform}".encode()).hexdigest()[:12]
        stores = self.building.found.tool.stores
        name = (
            f"localhost/ciao/dockerfile:{key}"
            if stores
            else str(replace(self.into, tag=f"base-{secrets.token_hex(6)}"))
        )
        order = await self.building.order(
            name, dockerfile.parent, dockerfile, platform=platform, arguments=arguments, pushed=not stores
        )
        digest = await self.building.make(order)
        return name if stores else str(replace(self.into, digest=digest))

    async def _assembled(self, base: str, platform: str, user: str) -> Reference:
        """s2i's image is root's, and is not pushed; one on top of it is the user's again."""
        name = f"localhost/ciao/s2i:{secrets.token_hex(6)}"
        order = await self.building.order(name, self.context, "", base=base, platform=platform, pushed=False)
        self.building.orders.append(order)
        source_to_image.prepare(self.context)
        await self.building.steps(source_to_image.assembling(order, self.building.found.tool))
        text = written(name, self.command, about=self.about, packages=self.packages, user=user)
        return await self._pushed(text, platform)
