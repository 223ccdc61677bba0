"""The ways in which code reaches its replicas: what ``%s2i=`` and ``s2i.provider`` take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["BUILDERS", "IN_THE_CLUSTER", "ON_THE_HOST", "SET_A_REGISTRY", "STRATEGIES"]

ON_THE_HOST: Mapping[str, str] = MappingProxyType(
    {
        "buildah": "an image that buildah builds here",
        "podman": "an image that podman builds here",
        "docker": "an image that docker builds here",
        "s2i": "an image that source-to-image puts together here, with docker, buildah or podman",
        "kaniko": "an image that kaniko's executor builds here",
        "buildkit": "an image that BuildKit builds here, by buildctl",
    }
)

IN_THE_CLUSTER: Mapping[str, str] = MappingProxyType(
    {
        "cluster-buildkit": "an image that BuildKit builds in the cluster, without root",
        "cluster-kaniko": "an image that kaniko builds in the cluster",
        "tekton": "an image that kaniko builds in the cluster, as a TaskRun of Tekton's",
    }
)

STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "auto": "append if a registry is set, else configmap",
        "append": "a small layer on the base image, pushed to the registry; nothing is built",
        "imagevolume": "an image with the code alone, pushed to the registry, mounted over the base image",
        "configmap": "a ConfigMap; needs no registry, holds 1 MiB",
        **ON_THE_HOST,
        **IN_THE_CLUSTER,
    }
)
"""Each with its meaning, in the order in which lists show them."""

BUILDERS = frozenset({*ON_THE_HOST, *IN_THE_CLUSTER})
"""Those that can build a Dockerfile of the user's."""

SET_A_REGISTRY = "Set s2i.registry in ~/.ciao/config.yaml, or CIAO_S2I_REGISTRY, such as registry.example/team"
"""What to do where a strategy pushes and there is nowhere to."""
