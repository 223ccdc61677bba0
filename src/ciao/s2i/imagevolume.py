"""The strategy of an image volume: the code alone becomes an image, which is mounted over base images as they are.

No base is looked at, so that one in a registry that only the nodes can reach does, too; unless packages are asked for,
which are for its Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ciao.errors import BundleError
from ciao.k8s.base import Api
from ciao.model import Job, JobSpec, Mounted, Notice, Packing, Target
from ciao.s2i.base import Tell
from ciao.s2i.code import about, code_layer
from ciao.s2i.context import gather
from ciao.s2i.grounds import Grounds
from ciao.s2i.layer import Layer
from ciao.s2i.oci import Base, Image, appended, scratch
from ciao.s2i.platforms import DEFAULT, Platform
from ciao.s2i.pushing import composed, publish
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.names import pulled, repository
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["ImageVolume"]

_COMPILED = (
    "Compiled packages load from an image volume where nodes let programs in it run: containerd does, CRI-O does not. "
    "If an import says 'failed to map segment', use %s2i=append."
)


class ImageVolume:
    """Puts the layer of the code on nothing, or on packages alone, for each of the platforms."""

    name = "imagevolume"

    def __init__(self, settings: Settings, registry: Registry, api: Callable[[str], Api] | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._api = api
        self._uses = Uses(settings.home)

    async def plan(self, spec: JobSpec, target: Target) -> Mounted:
        """The very image, by the digest that it will have, unless packages have to be installed first."""
        into = repository(self._settings)
        grounds = self._grounds(spec, target, into)
        bases = await grounds.ready(await _resolved(grounds, _untold)) if spec.packages else self._nothing(target)
        context = await gather(spec, self._settings, _untold)
        async with code_layer(context, _untold) as layer:
            images = _images(bases, spec, layer)
        digest = composed(images, about(spec))[-1] if images else ""
        return self._bundle(context.entry, replace(into, digest=digest, tag="" if digest else "planned"), bases)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Mounted:  # noqa: ARG002  # the seam's
        """One image for all replicas, whatever their base images are."""
        into = repository(self._settings)
        bases = self._nothing(target)
        if spec.packages:
            tell(Notice(text=_COMPILED))
            grounds = self._grounds(spec, target, into)
            bases = await grounds.prepared(await _resolved(grounds, tell), tell)
        context = await gather(spec, self._settings, tell)
        async with code_layer(context, tell) as layer:
            pushed = await publish(
                _images(bases, spec, layer),
                registry=self._registry,
                repository=into,
                about=about(spec),
                uses=self._uses,
                tell=tell,
            )
        bundle = self._bundle(context.entry, pushed, bases)
        self._uses.note_bundle(bundle)
        return bundle

    def _nothing(self, target: Target) -> Sequence[Base]:
        """What the code is put on where there are no packages: what is in it runs on all platforms."""
        platforms = self._settings.s2i_platforms or target.platforms or (DEFAULT,)
        return [scratch(text) for text in dict.fromkeys(str(Platform.parse(text)) for text in platforms)]

    def _grounds(self, spec: JobSpec, target: Target, into: Reference) -> Grounds:
        return Grounds(
            spec=spec,
            target=target,
            settings=self._settings,
            registry=self._registry,
            into=into,
            api=self._api,
            alone=True,
        )

    def _bundle(self, entry: str, image: Reference, bases: Sequence[Base]) -> Mounted:
        packages = next((base.packages for base in bases if base.packages), "")
        return Mounted(entry=entry, image=pulled(image, self._settings), strategy=self.name, packages=packages)


async def _resolved(grounds: Grounds, tell: Tell) -> Sequence[Base]:
    """The base that the packages are for: one volume serves all replicas, and so they have one base."""
    if len(grounds.target.bases) != 1:
        names = ", ".join(grounds.target.bases) or "none that is known"
        raise BundleError(
            f"packages in an image volume are for one base image, and the replicas have {names}",
            hint="Use %s2i=append, or one image for all with %image=",
        )
    tell(Packing(step="looking for the base image"))
    try:
        return await grounds.resolved(grounds.target.bases[0], tell)
    except BundleError as error:
        message = f"packages are for the Python of the base image, which cannot be read from here: {error.message}"
        raise BundleError(message, hint=error.hint) from error


def _images(bases: Sequence[Base], spec: JobSpec, layer: Layer) -> Sequence[Image]:
    return [appended(base, [layer], about=about(spec)) for base in bases]


def _untold(news: Packing | Notice) -> None:
    """A plan makes nothing, and so has nothing to tell."""
