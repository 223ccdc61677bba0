"""The strategy with a registry: the code becomes one small layer on a base image, pushed with a few requests.

No daemon, no build, and no byte of the base is read: that it is in a registry is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ciao.k8s.base import Api
from ciao.model import Job, JobSpec, Notice, Packing, Pinned, Target
from ciao.s2i.base import Tell
from ciao.s2i.bases import named
from ciao.s2i.code import about, code_layer, command
from ciao.s2i.context import Context, gather
from ciao.s2i.grounds import Grounds
from ciao.s2i.layer import Layer
from ciao.s2i.oci import Base, Image, appended
from ciao.s2i.pushing import composed, publish
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.names import pulled, repository
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["Append"]


class Append:
    """Resolves each base at every build, and puts the same layer on each."""

    name = "append"

    def __init__(self, settings: Settings, registry: Registry, api: Callable[[str], Api] | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._api = api
        self._uses = Uses(settings.home)

    async def plan(self, spec: JobSpec, target: Target) -> Pinned:
        """The very images, by the digests that they will have, unless packages have to be installed first."""
        grounds = self._grounds(spec, target)
        bases = {name: await grounds.resolved(name, _untold) for name in named(target)}
        ready = {name: await grounds.ready(found) for name, found in bases.items()}
        context = await gather(spec, self._settings, _untold)
        async with code_layer(context, _untold) as layer:
            made = {name: _images(found, spec, context, layer) for name, found in ready.items()}
        images = {name: _planned(grounds.into, one, spec) for name, one in made.items()}
        return self._bundle(context, {name: ready[name] or bases[name] for name in bases}, images)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Pinned:  # noqa: ARG002  # the seam's
        """One image a base, for all of its platforms; the same code on the same base is the same image."""
        grounds = self._grounds(spec, target)
        tell(Packing(step="looking for the base image"))
        bases = {name: await grounds.resolved(name, tell) for name in named(target)}
        ready = {name: await grounds.prepared(found, tell) for name, found in bases.items()}
        context = await gather(spec, self._settings, tell)
        images = {}
        async with code_layer(context, tell) as layer:
            for name, found in ready.items():
                images[name] = await publish(
                    _images(found, spec, context, layer),
                    registry=self._registry,
                    repository=grounds.into,
                    about=about(spec),
                    uses=self._uses,
                    tell=tell,
                )
        bundle = self._bundle(context, ready, images)
        self._uses.note_bundle(bundle)
        return bundle

    def _grounds(self, spec: JobSpec, target: Target) -> Grounds:
        return Grounds(
            spec=spec,
            target=target,
            settings=self._settings,
            registry=self._registry,
            into=repository(self._settings),
            api=self._api,
        )

    def _bundle(self, context: Context, bases: Mapping[str, Sequence[Base]], images: Mapping[str, Reference]) -> Pinned:
        users = {name: found[0].user for name, found in bases.items()}
        return Pinned(
            entry=context.entry,
            images={name: pulled(image, self._settings) for name, image in images.items()},
            users={name: user for name, user in users.items() if user is not None},
            strategy=self.name,
            packages=next((base.packages for found in bases.values() for base in found if base.packages), ""),
        )


def _images(bases: Sequence[Base], spec: JobSpec, context: Context, layer: Layer) -> Sequence[Image]:
    runs = command(context.entry)
    return [appended(base, [layer], about=about(spec), command=runs) for base in bases]


def _planned(into: Reference, images: Sequence[Image], spec: JobSpec) -> Reference:
    return replace(into, digest=composed(images, about(spec))[-1]) if images else replace(into, tag="planned")


def _untold(news: Packing | Notice) -> None:
    """A plan makes nothing, and so has nothing to tell."""
