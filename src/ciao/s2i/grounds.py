"""What the code is put on: a base image for each platform, with the packages that the cell asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ciao.k8s.base import Api
from ciao.model import JobSpec, Target
from ciao.s2i.base import Tell
from ciao.s2i.bases import suited
from ciao.s2i.oci import Base
from ciao.s2i.registry.base import Reference, Registry
from ciao.settings import Settings

__all__ = ["Grounds"]


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Of one job. ``into`` is where packages are found or put; with ``alone`` they are in an image without the base.

    ``api`` gives the connection to the cluster for a namespace, which may be where a base is asked what is in it.
    """

    spec: JobSpec
    target: Target
    settings: Settings
    registry: Registry
    into: Reference
    api: Callable[[str], Api] | None = None
    alone: bool = False

    async def resolved(self, name: str, tell: Tell) -> Sequence[Base]:
        """The base images of a name, as they are."""
        return await suited(self.registry, name, self.target, settings=self.settings, tell=tell)

    async def prepared(self, bases: Sequence[Base], tell: Tell) -> Sequence[Base]:
        """The same with packages, which are installed if nobody has done that yet."""
        if not self.spec.packages:
            return bases
        from ciao.s2i.packages.site import with_packages  # what installs is loaded only if something is installed

        return [
            await with_packages(
                base,
                self.spec.packages,
                registry=self.registry,
                into=self.into,
                settings=self.settings,
                tell=tell,
                folder=self._folder,
                api=self.api(self.target.namespace) if self.api else None,
                namespace=self.target.namespace,
                alone=self.alone,
            )
            for base in bases
        ]

    async def ready(self, bases: Sequence[Base]) -> Sequence[Base]:
        """The same with packages that are in the registry already; nothing if some would have to be installed."""
        if not self.spec.packages:
            return bases
        from ciao.s2i.packages.site import cached_packages

        found = [
            await cached_packages(
                base,
                self.spec.packages,
                registry=self.registry,
                into=self.into,
                settings=self.settings,
                folder=self._folder,
                alone=self.alone,
            )
            for base in bases
        ]
        return [base for base in found if base is not None] if None not in found else []

    @property
    def _folder(self) -> Path:
        from ciao.s2i.including.folder import notebook_folder

        return notebook_folder(self.spec)
