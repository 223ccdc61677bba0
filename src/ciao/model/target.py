"""Where code is to run, as far as packing it needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ciao.model.spec import Role

__all__ = ["Target"]

NO_IMAGES: Mapping[Role, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a backend tells the S2IClient before anything is packed.

    ``images`` are the base images by role, as the cell, the settings or the cluster name them; none on this machine.
    ``platforms`` are those of the nodes, such as ``linux/amd64``; empty where nobody may list them. ``namespace`` is
    where the job goes. ``python`` is the interpreter of replicas on this machine, empty where the image decides.
    """

    images: Mapping[Role, str] = field(default_factory=lambda: NO_IMAGES)
    platforms: tuple[str, ...] = ()
    namespace: str = ""
    python: str = ""

    @property
    def bases(self) -> tuple[str, ...]:
        """Each base image once, in the order of the roles."""
        return tuple(dict.fromkeys(self.images.values()))
