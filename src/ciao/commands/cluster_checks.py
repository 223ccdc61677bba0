"""What ``ciao doctor`` asks of a cluster. Every question has a time limit; no answer is told as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciao.commands.check import Check
from ciao.errors import CiaoError

if TYPE_CHECKING:
    from ciao.backends.kubeflow.cluster import Cluster
    from ciao.k8s.base import Manifest
    from ciao.k8s.sources import Source
    from ciao.settings import Settings

__all__ = ["cluster_checks"]

LIMIT = 5.0
"""Seconds for each of the two rounds of questions."""

LEVEL = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """One cluster, asked as one user. ``served`` are the names of objects by group."""

    settings: Settings
    cluster: Cluster
    user: str
    served: Mapping[str, Collection[str]]
    limit: float


async def cluster_checks(settings: Settings, *, limit: float = LIMIT) -> list[Check]:
    """Every check of the cluster that settings and environment name."""
    from ciao.k8s import sources
    from ciao.k8s.api import connect

    source = sources.find(settings)
    if source is None:
        fix = "Set CIAO_KUBECONFIG or KUBECONFIG, or put the kubeconfig into ~/.kube/config; or set CIAO_BACKEND=local"
        return [Check(name="credentials", verdict="fail", words="no cluster is known here", fix=fix)]
    try:
        connection = connect(settings)
    except CiaoError as error:
        return [_failed("credentials", error)]
    async with connection as api:
        from ciao.backends.kubeflow.cluster import Cluster

        cluster = Cluster(settings, api=api, namespace=settings.namespace or api.namespace)
        found = [_credentials(source, cluster)]
        found += [Check(name="credentials", verdict="warn", words=words) for words in api.notices]
        try:
            async with asyncio.timeout(limit):
                visit, reached = await _reached(settings, cluster, limit=limit)
        except TimeoutError:
            words = f"{api.context} gave no answer in {limit:g} s"
            fix = "See that the network (a VPN?) is there, and that the kubeconfig's server is right"
            return [*found, Check(name="cluster", verdict="fail", words=words, fix=fix)]
        except CiaoError as error:
            return [*found, _failed("cluster", error)]
        return [*found, *reached, *await _all(visit)]


async def _reached(settings: Settings, cluster: Cluster, *, limit: float) -> tuple[_Visit, list[Check]]:
    """The first round: is it there, and who are we."""
    from ciao.backends.kubeflow.kinds import KUBEFLOW
    from ciao.backends.kubeflow.rights import KUEUE
    from ciao.k8s import permissions
    from ciao.k8s.discovery import TRAINER

    version = await cluster.discovery.version()
    began = time.monotonic()  # with a connection that is open, as most requests find it
    user = await permissions.user(cluster.api)
    took = time.monotonic() - began
    groups = (KUBEFLOW, TRAINER, KUEUE)
    served = await asyncio.gather(*map(cluster.discovery.served, groups))
    names = {group: frozenset(r.plural for r in of_it.values()) for group, of_it in zip(groups, served, strict=True)}
    visit = _Visit(settings=settings, cluster=cluster, user=user, served=names, limit=limit)
    words = f"{cluster.api.context} answers in {took * 1000:.0f} ms: Kubernetes {version}"
    who = f"the cluster knows you as {user}" if user else "the cluster does not tell who you are"
    return visit, [
        Check(name="cluster", verdict="ok", words=words),
        Check(name="user", verdict="ok", words=who),
    ]


async def _all(visit: _Visit) -> list[Check]:
    """The second round, all questions at once."""
    asked = {
        "namespace": _namespace(visit),
        "kinds": _kinds(visit),
        "runtimes": _runtimes(visit),
        "rights": _rights(visit),
        "images": _images(visit),
        "quotas": _quotas(visit),
        "queues": _queues(visit),
        "pulling": _pulling(visit),
        "trial": _trial(visit),
    }
    found = await asyncio.gather(*(_within(visit.limit, name, work) for name, work in asked.items()))
    return [check for of_one in found for check in of_one]


async def _within(limit: float, name: str, work: Coroutine[None, None, Sequence[Check]]) -> Sequence[Check]:
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        words = f"the cluster gave no answer in {limit:g} s"
        return [Check(name=name, verdict="fail", words=words, fix="Try again: it may have too much to do")]
    except CiaoError as error:
        return [_failed(name, error)]


def _failed(name: str, error: CiaoError) -> Check:
    return Check(name=name, verdict="fail", words=error.message, fix=error.hint)


def _credentials(source: Source, cluster: Cluster) -> Check:
    from ciao.k8s.sources import Kubeconfig

    files = ", ".join(map(str, source.files)) if isinstance(source, Kubeconfig) else "this pod's service account"
    words = f"{files}: context {cluster.api.context}, namespace {cluster.namespace}"
    return Check(name="credentials", verdict="ok", words=words)


async def _namespace(visit: _Visit) -> list[Check]:
    from ciao.k8s.base import NAMESPACES
    from ciao.k8s.errors import ApiError

    name = visit.cluster.namespace
    try:
        there = await visit.cluster.api.request("GET", NAMESPACES.path(name=name))
    except ApiError as error:
        if error.code == 403:
            return [Check(name="namespace", verdict="ok", words=f"{name}; you may not read its pod security level")]
        if error.code != 404:
            raise
        fix = f"kubectl create namespace {name}; or choose another with CIAO_NAMESPACE or %namespace="
        return [Check(name="namespace", verdict="fail", words=f"there is no namespace {name}", fix=fix)]
    level = (there["metadata"].get("labels") or {}).get(LEVEL)
    words = f"{name}, pod security level {level}" if level else f"{name}, without a pod security level"
    return [Check(name="namespace", verdict="ok", words=words)]


async def _kinds(visit: _Visit) -> list[Check]:
    kinds = await visit.cluster.kinds()
    if not kinds:
        fix = "Have Kubeflow's Training Operator or Trainer installed"
        return [Check(name="kinds", verdict="fail", words="the cluster serves no kind of training job", fix=fix)]
    override = await visit.cluster.discovery.override()
    v1 = [kind.name for kind in kinds if kind.operator is not None]
    parts = [f"{', '.join(v1)} (v1)"] if v1 else []
    parts += [f"TrainJob (its pods are changed by {override})"] if override else []
    return [Check(name="kinds", verdict="ok", words="; ".join(parts))]


async def _runtimes(visit: _Visit) -> list[Check]:
    from ciao.backends.kubeflow.kinds import CLUSTER_RUNTIMES
    from ciao.k8s.errors import ApiError

    if CLUSTER_RUNTIMES.plural not in visit.served[CLUSTER_RUNTIMES.group]:
        return []
    try:
        answer = await visit.cluster.api.request("GET", CLUSTER_RUNTIMES.path())
    except ApiError as error:
        if error.code == 403:
            return []  # the rights tell it
        raise
    names = [item["metadata"]["name"] for item in answer.get("items") or ()]
    return [Check(name="runtimes", verdict="ok", words=", ".join(names) or "Trainer's own are not installed")]


async def _rights(visit: _Visit) -> list[Check]:
    from ciao.commands.rights_checks import rights_checks

    return await rights_checks(visit.cluster, visit.settings, user=visit.user, served=visit.served)


async def _images(visit: _Visit) -> list[Check]:
    given = visit.settings.images
    if given:
        return [Check(name="images", verdict="ok", words=", ".join(f"{f}: {i}" for f, i in sorted(given.items())))]
    words = "no framework has an image: every cell must name one with %image="
    fix = "Set for example images.pytorch in ~/.ciao/config.yaml, or CIAO_IMAGES_PYTORCH"
    return [Check(name="images", verdict="warn", words=words, fix=fix)]


async def _quotas(visit: _Visit) -> list[Check]:
    from ciao.k8s.base import Resource

    quotas = Resource(kind="ResourceQuota", plural="resourcequotas")
    items = await _unless_forbidden(visit, quotas.path(namespace=visit.cluster.namespace))
    return [_quota(item) for item in items]


def _quota(item: Manifest) -> Check:
    hard, used = item["status"].get("hard") or {}, item["status"].get("used") or {}
    told = ", ".join(f"{name} {used.get(name, '0')} of {most}" for name, most in hard.items())
    words = f"{item['metadata']['name']}: {told}"
    full = [name for name, most in hard.items() if used.get(name, "0") == most]
    if not full:
        return Check(name="quota", verdict="ok", words=words)
    fix = f"{', '.join(full)}: end other jobs, or have the quota raised"
    return Check(name="quota", verdict="warn", words=words, fix=fix)


async def _queues(visit: _Visit) -> list[Check]:
    from ciao.backends.kubeflow.rights import KUEUE

    if "localqueues" not in visit.served[KUEUE]:
        return []
    queues = next(r for r in (await visit.cluster.discovery.served(KUEUE)).values() if r.plural == "localqueues")
    names = [
        item["metadata"]["name"]
        for item in await _unless_forbidden(visit, queues.path(namespace=visit.cluster.namespace))
    ]
    words = f"%queue= may be {', '.join(names)}" if names else f"Kueue has no LocalQueue in {visit.cluster.namespace}"
    return [Check(name="queues", verdict="ok", words=words)]


async def _unless_forbidden(visit: _Visit, path: str) -> list[Manifest]:
    from ciao.k8s.errors import ApiError

    try:
        return list((await visit.cluster.api.request("GET", path)).get("items") or ())
    except ApiError as error:
        if error.code == 403:  # the rights tell it
            return []
        raise


async def _pulling(visit: _Visit) -> list[Check]:
    from ciao.commands.pulling_checks import pulling_checks

    return await pulling_checks(visit.cluster, visit.settings)


async def _trial(visit: _Visit) -> list[Check]:
    from ciao.commands.trial_check import trial

    return await trial(visit.cluster, visit.settings)
