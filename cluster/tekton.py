"""Tekton Pipelines, added to a cluster by a test: its controller, which runs TaskRuns; no webhooks and no resolvers.

::

    tekton.start(cluster, kubectl)  # for all namespaces, until the cluster's end

What its webhook would fill in is filled in by the controller, too, so only what is wrong is accepted as it comes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from cluster import builds, images
from cluster.components import Component
from cluster.readiness import http_ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cluster.kubectl import Kubectl, Manifest
    from cluster.layout import Layout
    from cluster.outside import Cluster

NAME, NAMESPACE = "tekton", "tekton-pipelines"
HEALTH = 8090
CONFIGS = {
    "CONFIG_DEFAULTS_NAME": "config-defaults",
    "CONFIG_LOGGING_NAME": "config-logging",
    "CONFIG_OBSERVABILITY_NAME": "config-observability",
    "CONFIG_FEATURE_FLAGS_NAME": "feature-flags",
    "CONFIG_LEADERELECTION_NAME": "config-leader-election-controller",
    "CONFIG_SPIRE": "config-spire",
}


def start(cluster: Cluster, kubectl: Kubectl, progress: Callable[[str], None] = print) -> None:
    """Have it, built if need be; once in the life of a cluster.

    Raises:
        ComponentFailed: it ended, or its time is over; with the end of its log.
    """
    if cluster.runs(NAME):
        return
    builds.require(builds.TEKTON, progress)
    image = cluster.image(images.TEKTON, progress)
    config = builds.sources(builds.TEKTON_PIPELINES) / "config"
    crds = list(_crds(config / "300-crds"))
    items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *crds, *_settings(config)]
    listed = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
    replace(kubectl, namespace=NAMESPACE)("apply", "--server-side", "--force-conflicts", "--filename=-", text=listed)
    for crd in crds:
        kubectl.condition(f"crd/{crd['metadata']['name']}", "Established")
    cluster.add(component(cluster.layout, image), progress)


def component(cluster: Layout, image: str) -> Component:
    """The controller. Its leader is found at once: it is alone."""
    given = ("entrypoint", "nop", "sidecarlogresults", "workingdirinit", "shell", "shell-image-win")
    flags = [f"-{name}={image}" if name.endswith("win") else f"-{name}-image={image}" for name in given]
    environment = {
        **CONFIGS,
        "SYSTEM_NAMESPACE": NAMESPACE,
        "KUBERNETES_MIN_VERSION": "v1.28.0",
        "METRICS_DOMAIN": "tekton.dev/pipeline",
        "PROBES_PORT": str(HEALTH),
        "METRICS_PROMETHEUS_PORT": "9091",
        "PROFILING_PORT": "8009",
        "KUBECONFIG": str(cluster.kubeconfig),
    }
    command = (builds.program("controller"), f"-kubeconfig={cluster.kubeconfig}", "-disable-ha", *flags)
    ready = http_ok(cluster.node, HEALTH, "/readiness")
    return Component(name=NAME, command=command, environment=environment, ready=ready)


def _crds(folder: Path) -> Iterator[Manifest]:
    """Without what asks a webhook."""
    for path in sorted(folder.glob("300-*.yaml")):
        for crd in yaml.safe_load_all(path.read_text()):
            crd["spec"].pop("conversion", None)
            yield crd


def _settings(folder: Path) -> Iterator[Manifest]:
    """As they are shipped."""
    for path in sorted(folder.glob("config-*.yaml")):
        yield from filter(None, yaml.safe_load_all(path.read_text()))
