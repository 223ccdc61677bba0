"""The cluster as a backend sees it: one connection, what is served there, and where jobs go. Made when first used."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from dataclasses import replace

from ciao.backends.kubeflow.image_volumes import keeps_image_volumes
from ciao.backends.kubeflow.kinds import (
    CLUSTER_RUNTIMES,
    KUBEFLOW,
    RUNTIMES,
    TRAIN,
    Kind,
    Runtime,
    Served,
    kind_of,
    needs_trainer,
    v1_kind,
)
from ciao.backends.kubeflow.place import Place
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.base import Api, Resource
from ciao.k8s.discovery import TRAINER, Discovery
from ciao.k8s.errors import ApiError
from ciao.k8s.nodes import platforms
from ciao.k8s.permissions import review
from ciao.k8s.rights import Right
from ciao.model import JobSpec
from ciao.settings import Settings

__all__ = ["Cluster"]

V1 = "v1"


class Cluster:
    """One cluster and one namespace."""

    def __init__(self, settings: Settings, *, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.discovery = Discovery(api)
        self._settings = settings
        self._may: dict[Right, bool] = {}
        self._platforms: tuple[str, ...] | None = None
        self._keeps_image_volumes: bool | None = None

    async def kinds(self) -> Sequence[Kind]:
        """The kinds of ours that it serves. Raises BackendError."""
        v1, override = await asyncio.gather(self._v1(), self.discovery.override())
        operators = {f.operator.plural: f.operator for f in FRAMEWORKS.values() if f.operator.plural in v1}
        return [*map(v1_kind, operators.values()), *([TRAIN] if override else [])]

    async def place(self, spec: JobSpec) -> Place:
        """Where a job goes. The runtimes that it may refer to are looked at only if it has a say in them."""
        v1 = await self._v1()
        override = await self.discovery.override() if needs_trainer(spec, v1) else None
        served = Served(v1=v1, override=override)
        train = override is not None and kind_of(spec, served).operator is None
        own = train and await self.may(Right(verb="create", group=TRAINER, resource=RUNTIMES.plural))
        if train and self._refers(spec, own=own):
            served = replace(served, runtimes=await self._runtimes())
        return Place(
            namespace=self.namespace,
            served=served,
            images=self._settings.images,
            user=_user(),
            grace=self._settings.grace,
            host_paths=self._settings.host_paths,
            run_as=self._settings.run_as,
            run_as_image="pods.user" not in self._settings.given,
            pull_secrets=self._settings.s2i_pull_secrets,
            own_runtimes=own,
        )

    async def platforms(self) -> tuple[str, ...]:
        """Of its nodes, empty if they may not be listed; asked once. Raises BackendError."""
        if self._platforms is None:
            self._platforms = await platforms(self.api)
        return self._platforms

    async def has_image_volumes(self) -> bool | None:
        """None if that cannot be found out; asked until it has. Raises BackendError."""
        if not self._keeps_image_volumes:
            self._keeps_image_volumes = await keeps_image_volumes(self.api, namespace=self.namespace)
        return self._keeps_image_volumes

    def _refers(self, spec: JobSpec, *, own: bool) -> bool:
        """Whether the runtimes that are there matter to a TrainJob: for their settings, or for their image."""
        image = spec.image or self._settings.images.get(spec.framework)
        return spec.runtime is not None or not own or not image

    async def may(self, right: Right) -> bool:
        """Whether this user has a right here; asked once."""
        if right not in self._may:
            found = await review(self.api, [right], namespace=self.namespace)
            self._may[right] = found[right].allowed
        return self._may[right]

    async def _v1(self) -> frozenset[str]:
        served = await self.discovery.served(KUBEFLOW)
        return frozenset(resource.plural for resource in served.values() if resource.version == V1)

    async def _runtimes(self) -> tuple[Runtime, ...]:
        lists = await asyncio.gather(self._listed(CLUSTER_RUNTIMES), self._listed(RUNTIMES))
        return tuple(runtime for found in lists for runtime in found)

    async def _listed(self, resource: Resource) -> list[Runtime]:
        try:
            answer = await self.api.request("GET", resource.path(namespace=self.namespace))
        except ApiError as error:
            if error.code in (403, 404):  # who may not see them can still name one
                return []
            raise
        return [Runtime.of(item) for item in answer.get("items") or ()]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in many a pod
        return ""
