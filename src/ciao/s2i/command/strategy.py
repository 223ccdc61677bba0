"""The strategy that runs a tool of the user's machine: the code is copied onto an image, and the tool pushes it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import Job, JobSpec, Notice, Packing, Pinned, Target
from ciao.s2i.base import Tell
from ciao.s2i.bases import named, resolve, suited
from ciao.s2i.code import about, check, command
from ciao.s2i.command.building import Building
from ciao.s2i.command.dockerfile import PLACE, check_base
from ciao.s2i.command.finding import find
from ciao.s2i.command.images import Images
from ciao.s2i.command.staging import scratch, stage
from ciao.s2i.context import gather
from ciao.s2i.dockerfile import package_entries
from ciao.s2i.including.words import notebook_folder
from ciao.s2i.oci import Base
from ciao.s2i.registry.base import Registry
from ciao.s2i.registry.names import pulled, repository
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["Command"]


class Command:
    """``name`` is the tool, as in ``%s2i=buildah``. It keeps its own storage, and so its cache of base images."""

    def __init__(
        self, name: str, settings: Settings, registry: Registry, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.name = name
        self._settings = settings
        self._registry = registry
        self._environ = environ

    async def plan(self, spec: JobSpec, target: Target) -> Pinned:
        """The names of the images; a builder decides about their digests."""
        find(self.name, self._environ, dockerfile=spec.dockerfile is not None)
        into = repository(self._settings)
        _dockerfile(spec)
        context = await gather(spec, self._settings, lambda _: None)
        image = pulled(replace(into, tag="planned"), self._settings)
        return Pinned(entry=context.entry, images=dict.fromkeys(named(target), image), strategy=self.name)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Pinned:  # noqa: ARG002 # the seam's
        """One image a base. Raises BundleError with the end of what the tool said."""
        dockerfile = _dockerfile(spec)
        own = dockerfile is not None
        found = find(self.name, self._environ, dockerfile=own)
        bases = await self._bases(target, tell)
        async with scratch(self._environ) as folder:
            building = Building.of(found, self._settings, self._environ, folder, tell, dockerfile=own)
            context = await gather(spec, self._settings, tell)
            check(context, tell)
            packages = package_entries(spec.packages, notebook_folder(spec), self._settings)
            code = tuple(replace(entry, path=f"{PLACE}/{entry.path}") for entry in context.entries)
            await asyncio.to_thread(stage, (*code, *packages), folder / "context")
            images = Images(
                building=building,
                into=repository(self._settings),
                context=folder / "context",
                command=command(context.entry),
                about=about(spec),
                packages=bool(packages),
                dockerfile=dockerfile,
            )
            async with building.at_work():
                made = {base.name: await self._there(str(await images.on(base))) for base in bases}
        bundle = Pinned(
            entry=context.entry,
            images={name: pulled(image.reference, self._settings) for name, image in made.items()},
            users={name: image.user for name, image in made.items() if image.user is not None},
            strategy=self.name,
        )
        Uses(self._settings.home).note_bundle(bundle)
        return bundle

    async def _bases(self, target: Target, tell: Tell) -> Sequence[Base]:
        """One a name: a builder makes an image for one platform."""
        tell(Packing(step="looking for the base image"))
        found = []
        for name in named(target):
            first, *others = await suited(self._registry, name, target, settings=self._settings, tell=tell)
            if others:
                text = f"{self.name} builds for {first.platform} alone; with %s2i=append all of the nodes' platforms"
                tell(Notice(text=f"{text} are served", level="warning"))
            found.append(first)
        return found

    async def _there(self, image: str) -> Base:
        """What the tool said it pushed, as the registry has it."""
        try:
            return (await resolve(self._registry, image))[0]
        except BundleError as error:
            raise BundleError(
                f"{self.name} said that it pushed {image}, and the registry does not have it: {error.message}",
                hint="Look whether the tool pushes to a mirror or another registry, or use %s2i=append.",
            ) from None


def _dockerfile(spec: JobSpec) -> Path | None:
    """The user's own. Raises BundleError if it is not there."""
    if spec.dockerfile is None:
        return None
    path = notebook_folder(spec) / spec.dockerfile
    if not path.is_file():
        raise BundleError(f"there is no Dockerfile {path}", hint="dockerfile= is relative to the notebook's folder")
    check_base(path.read_text("utf-8", "replace"), path)
    return path
