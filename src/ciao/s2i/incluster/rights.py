"""The rights that a build in the cluster uses, in the namespace of the job."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.k8s.base import CONFIG_MAPS, EVENTS, PODS, Manifest, Resource
from ciao.k8s.rights import Right
from ciao.s2i.incluster.builders import BUILDERS
from ciao.s2i.incluster.manifests import SECRETS, ran_by

__all__ = ["RIGHTS", "rights", "role"]


def _uses(name: str) -> tuple[tuple[Resource, str, tuple[str, ...]], ...]:
    """No Secret is read, and none but a build's own is deleted; RBAC knows no such limit."""
    return (
        (ran_by(BUILDERS[name]), "", ("create", "delete", "get")),
        (CONFIG_MAPS, "", ("create", "delete")),
        (SECRETS, "", ("create", "delete")),
        (PODS, "", ("list",)),
        (PODS, "log", ("get",)),
        (EVENTS, "", ("list",)),
    )


def rights(name: str) -> tuple[Right, ...]:
    """Those that the strategy of this name needs."""
    return tuple(
        Right(verb=verb, resource=resource.plural, group=resource.group, subresource=part)
        for resource, part, verbs in _uses(name)
        for verb in verbs
    )


RIGHTS = rights("cluster-buildkit")
"""Those of a build that is a Job."""


def role(name: str = "cluster-buildkit", *, namespace: str = "NAMESPACE") -> Manifest:
    """Apart from that of jobs, for those who build."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "ciao-build", "namespace": namespace},
        "rules": [_rule(resource, part, verbs) for resource, part, verbs in _uses(name)],
    }


def _rule(resource: Resource, part: str, verbs: tuple[str, ...]) -> Mapping[str, list[str]]:
    name = f"{resource.plural}/{part}" if part else resource.plural
    return {"apiGroups": [resource.group], "resources": [name], "verbs": list(verbs)}
