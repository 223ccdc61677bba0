"""The strategy of an image volume: the code alone becomes an image, which is mounted over base images as they are.

No base is looked at, so that one in a registry that only the nodes can reach does, too.
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
from ciao.s2i.layer import Layer
from ciao.s2i.oci import Image, appended, scratch
from ciao.s2i.platforms import DEFAULT, Platform
from ciao.s2i.pushing import composed, publish
from ciao.s2i.registry.base import Registry
from ciao.s2i.registry.names import pulled, repository
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["ImageVolume"]


class ImageVolume:
    """Puts the layer of the code on nothing, for each of the platforms: what is in it runs on all of them."""

    name = "imagevolume"

    def __init__(self, settings: Settings, registry: Registry, api: Callable[[str], Api] | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._api = api
        self._uses = Uses(settings.home)

    async def plan(self, spec: JobSpec, target: Target) -> Mounted:
        """The very image, by the digest that it will have."""
        into = repository(self._settings)
        context = await gather(spec, self._settings, _untold)
        async with code_layer(context, _untold) as layer:
            digest = composed(self._images(spec, target, layer), about(spec))[-1]
        return self._bundle(context.entry, pulled(replace(into, digest=digest), self._settings))

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Mounted:  # noqa: ARG002  # the seam's
        """One image for all replicas, whatever their base images are."""
        into = repository(self._settings)
        context = await gather(spec, self._settings, tell)
        async with code_layer(context, tell) as layer:
            images = self._images(spec, target, layer)
            pushed = await publish(
                images,
                registry=self._registry,
                repository=into,
                about=about(spec),
                uses=self._uses,
                tell=tell,
            )
        bundle = self._bundle(context.entry, pulled(pushed, self._settings))
        self._uses.note_bundle(bundle)
        return bundle

    def _images(self, spec: JobSpec, target: Target, layer: Layer) -> Sequence[Image]:
        if spec.packages:
            raise BundleError("packages cannot be put into an image volume yet", hint="Use %s2i=append")
        platforms = self._settings.s2i_platforms or target.platforms or (DEFAULT,)
        each = dict.fromkeys(str(Platform.parse(text)) for text in platforms)
        return [appended(base, [layer], about=about(spec)) for base in map(scratch, each)]

    def _bundle(self, entry: str, image: str) -> Mounted:
        return Mounted(entry=entry, image=image, strategy=self.name)


def _untold(news: Packing | Notice) -> None:
    """A plan makes nothing, and so has nothing to tell."""
