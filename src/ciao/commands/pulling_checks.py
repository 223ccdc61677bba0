"""What ``ciao doctor`` says of the cluster's nodes: by which name and with which Secrets they pull what is pushed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ciao.commands.check import Check
from ciao.commands.packing_checks import chosen
from ciao.s2i.choosing import PUSHED

if TYPE_CHECKING:
    from ciao.backends.kubeflow.cluster import Cluster
    from ciao.settings import Settings

__all__ = ["pulling_checks"]

LOGINS = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


async def pulling_checks(cluster: Cluster, settings: Settings) -> list[Check]:
    """Nothing where nothing is pushed, and nothing of Secrets that one may not look at."""
    looked_at = await asyncio.gather(*(_secret(name, cluster, settings) for name in settings.s2i_pull_secrets))
    return [*_of_this_machine(settings), *(check for found in looked_at for check in found)]


def _of_this_machine(settings: Settings) -> Sequence[Check]:
    """A name such as localhost is another machine's on each node. A person who has set the nodes' own name knows."""
    from ciao.s2i.registry.names import repository
    from ciao.s2i.registry.origins import is_loopback

    if not settings.s2i_registry or settings.s2i_pull or chosen(settings) not in PUSHED:
        return ()
    host = repository(settings).host
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        return ()
    words = f"s2i.registry is {host}, this machine, and each node of the cluster takes that name for itself"
    fix = f"Set s2i.pull to what nodes call that registry, such as THIS-MACHINE:PORT, or {host} if they know it so"
    return (Check(name="pulling", verdict="warn", words=words, fix=fix),)


async def _secret(name: str, cluster: Cluster, settings: Settings) -> Sequence[Check]:
    """Only its type is looked at. A pod whose Secret is missing still starts where the image is everybody's."""
    from ciao.k8s.base import Resource
    from ciao.k8s.errors import ApiError

    path = Resource(kind="Secret", plural="secrets").path(namespace=cluster.namespace, name=name)
    try:
        kind = (await cluster.api.request("GET", path)).get("type")
    except ApiError as error:
        if error.code == 403:
            return ()
        if error.code != 404:
            raise
        words = f"there is no Secret {name} in {cluster.namespace}, which s2i.pullSecrets names"
        return (Check(name="pulling", verdict="warn", words=words, fix=_make(name, cluster, settings)),)
    if kind in LOGINS:
        return (Check(name="pulling", verdict="ok", words=f"nodes pull with the Secret {name}"),)
    words = f"the Secret {name}, which s2i.pullSecrets names, is of the type {kind}: nodes do not pull with it"
    return (Check(name="pulling", verdict="warn", words=words, fix=f"Name one of the type {LOGINS[0]}"),)


def _make(name: str, cluster: Cluster, settings: Settings) -> str:
    server = (settings.s2i_pull or settings.s2i_registry or "REGISTRY").partition("/")[0]
    return (
        f"kubectl create secret docker-registry {name} -n {cluster.namespace} --docker-server={server}"
        " --docker-username=... --docker-password=..., or correct s2i.pullSecrets"
    )
