"""The strategy with a registry: the code becomes one small layer on a base image, pushed with a few requests.

No daemon, no build, and no byte of the base is read: that it is in a registry is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ciao.errors import BundleError
from ciao.k8s.base import Api
from ciao.model import Job, JobSpec, Notice, Packing, Pinned, Target
from ciao.s2i.base import Tell
from ciao.s2i.bases import suited
from ciao.s2i.code import about, code_layer, command
from ciao.s2i.context import Context, gather
from ciao.s2i.layer import Layer
from ciao.s2i.oci import Base, Image, appended
from ciao.s2i.pushing import composed, publish
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.names import pulled, repository
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["Append"]


class Append:
    """Resolves each base at every build, and puts the same layer on each.

    ``api`` gives the connection to the cluster for a namespace, which may be where a base is asked what is in it.
    """

    name = "append"

    def __init__(self, settings: Settings, registry: Registry, api: Callable[[str], Api] | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._api = api
        self._uses = Uses(settings.home)

    async def plan(self, spec: JobSpec, target: Target) -> Pinned:
        """The very images, by the digests that they will have, unless packages have to be installed first."""
        into = repository(self._settings)
        bases = await self._bases(target, _untold)
        ready = {name: await self._cached(found, spec, into) for name, found in bases.items()}
        context = await gather(spec, self._settings, _untold)
        async with code_layer(context, _untold) as layer:
            made = {name: _images(found, spec, context, layer) for name, found in ready.items()}
        images = {name: _planned(into, composed(one, about(spec))[-1] if one else "") for name, one in made.items()}
        return self._bundle(context, {name: ready[name] or bases[name] for name in bases}, images)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Pinned:  # noqa: ARG002  # the seam's
        """One image a base, for all of its platforms; the same code on the same base is the same image."""
        into = repository(self._settings)
        bases = await self._bases(target, tell)
        ready = {name: await self._prepared(found, spec, target, into, tell) for name, found in bases.items()}
        context = await gather(spec, self._settings, tell)
        images = {}
        async with code_layer(context, tell) as layer:
            for name, found in ready.items():
                images[name] = await publish(
                    _images(found, spec, context, layer),
                    registry=self._registry,
                    repository=into,
                    about=about(spec),
                    uses=self._uses,
                    tell=tell,
                )
        bundle = self._bundle(context, ready, images)
        self._uses.note_bundle(bundle)
        return bundle

    async def _bases(self, target: Target, tell: Tell) -> Mapping[str, Sequence[Base]]:
        """What the images are built on, by the names in the target."""
        if not target.bases:
            raise BundleError("it is not known which image the replicas have", hint="Name it with %image=")
        tell(Packing(step="looking for the base image"))
        found = {}
        for name in target.bases:
            found[name] = await suited(self._registry, name, target, settings=self._settings, tell=tell)
        return found

    async def _prepared(
        self, bases: Sequence[Base], spec: JobSpec, target: Target, into: Reference, tell: Tell
    ) -> Sequence[Base]:
        """The same with the packages that the cell asks for."""
        if not spec.packages:
            return bases
        from ciao.s2i.including.words import notebook_folder
        from ciao.s2i.packages.site import with_packages  # what installs is loaded only if something is installed

        return [
            await with_packages(
                base,
                spec.packages,
                registry=self._registry,
                into=into,
                settings=self._settings,
                tell=tell,
                folder=notebook_folder(spec),
                api=self._api(target.namespace) if self._api else None,
                namespace=target.namespace,
            )
            for base in bases
        ]

    async def _cached(self, bases: Sequence[Base], spec: JobSpec, into: Reference) -> Sequence[Base]:
        """The same with packages that are in the registry already; nothing if some would have to be installed."""
        if not spec.packages:
            return bases
        from ciao.s2i.including.words import notebook_folder
        from ciao.s2i.packages.site import cached_packages

        found = [
            await cached_packages(
                base,
                spec.packages,
                registry=self._registry,
                into=into,
                settings=self._settings,
                folder=notebook_folder(spec),
            )
            for base in bases
        ]
        return [base for base in found if base is not None] if None not in found else []

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


def _planned(into: Reference, digest: str) -> Reference:
    return replace(into, digest=digest) if digest else replace(into, tag="planned")


def _untold(news: Packing | Notice) -> None:
    """A plan makes nothing, and so has nothing to tell."""
