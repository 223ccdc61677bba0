"""What the parts share: a cluster, specs for it, and an Api that counts what is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ciao.k8s.api import Connection, Method, connect
from ciao.k8s.base import Manifest
from ciao.model import Cell, JobSpec, Role, RoleSpec
from ciao.settings import Settings
from cluster import kwok
from cluster.kubectl import Kubectl
from cluster.outside import Cluster

FAKES = "ciao.test/fake=yes"
FAKE: Mapping[str, Any] = {"metadata": {"labels": dict([FAKES.split("=")])}, "spec": kwok.PLACEMENT}
"""A patch by which replicas run on fake nodes, and have this label."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A cluster whose node has the image, and a namespace in it."""

    cluster: Cluster
    kubectl: Kubectl
    image: str

    def settings(self, home: Path, **more: Any) -> Settings:
        return Settings(
            home=home,
            kubeconfig=self.kubectl.kubeconfig,
            namespace=self.kubectl.namespace,
            images=MappingProxyType({"pytorch": self.image}),
            **more,
        )


def spec(code: str, *, workers: int, masters: int = 0, patch: Mapping[str, Any] = MappingProxyType({})) -> JobSpec:
    roles = [(Role.MASTER, masters), (Role.WORKER, workers)]
    return JobSpec(
        cell=Cell(text=code, number=1),
        code=code,
        framework="pytorch",
        roles=tuple(RoleSpec(role=role, count=count) for role, count in roles if count),
        patch=patch,
    )


class Counted:
    """An Api that counts: requests by what they ask for, and streams."""

    def __init__(self, settings: Settings) -> None:
        self._api: Connection = connect(settings)
        self.context, self.namespace = self._api.context, self._api.namespace
        self.requests: Counter[str] = Counter()
        self.streams: Counter[str] = Counter()

    async def request(self, method: Method, path: str, **more: Any) -> Manifest:
        self.requests[f"{method} {_kind(path)}"] += 1
        return await self._api.request(method, path, **more)

    def stream(self, path: str, *, params: Mapping[str, str] | None = None, idle: float) -> AsyncGenerator[bytes, None]:
        self.streams[_kind(path)] += 1
        return self._api.stream(path, params=params, idle=idle)

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        return self._api.messages(path, params=params, protocols=protocols)

    async def close(self) -> None:
        await self._api.close()


def _kind(path: str) -> str:
    """A path without the names in it."""
    words = path.split("/")
    if "namespaces" not in words:
        return path
    kind, *name = words[words.index("namespaces") + 2 :]
    return "/".join([kind, *("NAME" if i == 0 else word for i, word in enumerate(name))])
