"""Where a job goes, and what holds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ciao.backends.kubeflow.kinds import Served
from ciao.frameworks import FRAMEWORKS
from ciao.model import JobSpec

__all__ = ["Place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A namespace, what its cluster serves, and what the settings say.

    ``images`` are by framework. ``user`` is who asks, for people. ``grace`` is in seconds. ``run_as`` is the number of
    the user in the pods, None to leave it to the cluster. ``host_paths``: folders of nodes may be mounted.
    ``own_runtimes``: training runtimes may be created in the namespace. ``pull_secrets`` are the Secrets there with
    which nodes pull images; ``run_as_image``: an image that names its user by number runs as that one.
    """

    namespace: str
    served: Served
    images: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    user: str = ""
    grace: float = 5.0
    run_as: int | None = 1000
    host_paths: bool = False
    own_runtimes: bool = True
    pull_secrets: tuple[str, ...] = ()
    run_as_image: bool = True

    def image_of(self, spec: JobSpec) -> str:
        """That of the training runtime that the cell names, or of the one that Trainer ships for its framework."""
        name = spec.runtime or FRAMEWORKS[spec.framework].runtime
        return next((r.image for r in self.served.runtimes if r.name == name), "")
