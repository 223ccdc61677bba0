"""A service account as a pod of its own sees the cluster, and what doctor tells it of its rights."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from ciao.backends.kubeflow.cluster import Cluster
from ciao.backends.kubeflow.rights import NEEDS
from ciao.commands.packing_checks import chosen
from ciao.commands.rights_checks import rights_checks
from ciao.k8s.api import Connection, connect
from ciao.k8s.permissions import review
from ciao.k8s.rights import Right
from ciao.settings import Settings

if TYPE_CHECKING:
    from ciao.commands.check import Check
    from cluster.kubectl import Kubectl

SERVED = {need.group: {other.resource for other in NEEDS if other.group == need.group} for need in NEEDS if need.group}
"""Whatever this cluster serves: rights are words to RBAC."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The administrator's connection, and the account's own."""

    admin: Connection
    own: Connection
    user: str
    settings: Settings

    def set_to(self, strategy: str) -> Account:
        settings = replace(self.settings, s2i_provider=strategy, s2i_registry="registry.example/team")
        assert chosen(settings) == strategy
        return replace(self, settings=settings)

    async def doctor(self) -> list[Check]:
        """What it says of rights, and nothing else."""
        cluster = Cluster(self.settings, api=self.own, namespace=self.own.namespace)
        return await rights_checks(cluster, self.settings, user=self.user, served=SERVED)

    async def until(self, right: Right, *, allowed: bool) -> None:
        """Until the cluster has taken a changed Role in."""
        everywhere = any(need.everywhere and right in need.rights for need in NEEDS)
        end = time.monotonic() + 60
        while True:
            found = await review(self.own, [right], namespace=None if everywhere else self.own.namespace)
            if found[right].allowed is allowed:
                return
            assert time.monotonic() < end, f"{right} is still not {allowed}"
            await asyncio.sleep(0.005)

    async def put(self, role: dict[str, Any]) -> None:
        await self.admin.request("PUT", _path(role), body=role)


@asynccontextmanager
async def account_of(folder: Path, kubectl: Kubectl, name: str) -> AsyncIterator[Account]:
    """As a pod has it: a token, an authority and a namespace in files, and no kubeconfig."""
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    environ = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
    for file, content in (
        ("token", kubectl("create", "token", name).strip().encode()),
        ("ca.crt", authority),
        ("namespace", kubectl.namespace.encode()),
    ):
        (folder / file).write_bytes(content)
    settings = Settings(home=folder)
    admin = connect(replace(settings, kubeconfig=kubectl.kubeconfig))
    async with admin, connect(settings, environ=environ, account=folder) as theirs:
        user = f"system:serviceaccount:{kubectl.namespace}:{name}"
        yield Account(admin=admin, own=theirs, user=user, settings=settings)
    await asyncio.sleep(0.05)  # sockets close a moment later


def _path(role: dict[str, Any]) -> str:
    about, base = role["metadata"], "/apis/rbac.authorization.k8s.io/v1"
    return (
        f"{base}/clusterroles/{about['name']}"
        if role["kind"] == "ClusterRole"
        else f"{base}/namespaces/{about['namespace']}/roles/{about['name']}"
    )
