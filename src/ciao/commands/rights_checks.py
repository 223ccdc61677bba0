"""What ``ciao doctor`` says of the rights that Ciao uses: each that is missing, with the line that grants it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ciao.commands.check import Check
from ciao.commands.packing_checks import chosen
from ciao.settings.strategies import IN_THE_CLUSTER

if TYPE_CHECKING:
    from ciao.backends.kubeflow.cluster import Cluster
    from ciao.backends.kubeflow.rights import Need
    from ciao.k8s.rights import Right
    from ciao.settings import Settings

__all__ = ["rights_checks"]


async def rights_checks(
    cluster: Cluster, settings: Settings, *, user: str, served: Mapping[str, Collection[str]]
) -> list[Check]:
    """Of the strategy that the settings choose. ``served`` are the names of objects by group."""
    from ciao.backends.kubeflow.rights import needs
    from ciao.k8s.permissions import review

    strategy = chosen(settings)
    wanted = [n for n in needs(strategy) if not n.group or n.resource in served[n.group]] + _of_builds(strategy)
    here = [right for need in wanted if not need.everywhere for right in need.rights]
    everywhere = [right for need in wanted if need.everywhere for right in need.rights]
    of_namespace, of_all = await asyncio.gather(
        review(cluster.api, here, namespace=cluster.namespace), review(cluster.api, everywhere, namespace=None)
    )
    missing = {
        need: [r for r in need.rights if not (of_all if need.everywhere else of_namespace)[r].allowed]
        for need in wanted
    }
    if not any(missing.values()):
        return [Check(name="rights", verdict="ok", words=f"you may do all that Ciao does in {cluster.namespace}")]
    some = any(not missing[need] for need in wanted if need.is_of_jobs)
    who = user or "YOU"
    return [
        _missing(need, missing[need], user=who, namespace=cluster.namespace, jobs=some)
        for need in wanted
        if missing[need]
    ]


def _of_builds(strategy: str) -> list[Need]:
    """What a build in the cluster needs besides."""
    if strategy not in IN_THE_CLUSTER:
        return []
    from ciao.backends.kubeflow.rights import Need
    from ciao.s2i.incluster.rights import rights

    verbs: dict[tuple[str, str, str], list[str]] = {}
    for right in rights(strategy):
        verbs.setdefault((right.resource, right.group, right.subresource), []).append(right.verb)
    return [
        Need(feature=f"build by {strategy}", resource=resource, group=group, subresource=part, verbs=tuple(of_it))
        for (resource, group, part), of_it in verbs.items()
    ]


def _missing(need: Need, rights: Sequence[Right], *, user: str, namespace: str, jobs: bool) -> Check:
    """Not to be able to run one kind of job is no failure for who can run another."""
    from ciao.k8s.rights import grant_all

    optional = need.without or (need.is_of_jobs and jobs)
    words = f"you may not {', '.join(r.verb for r in rights)} {rights[0].name}, to {need.feature}"
    return Check(
        name="rights",
        verdict="warn" if optional else "fail",
        words=f"{words}; without: {need.without}" if need.without else words,
        fix=grant_all(rights, user=user, namespace=None if need.everywhere else namespace),
    )
