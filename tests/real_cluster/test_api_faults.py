"""The API server stops and starts, and the way to it is cut, stalled and slowed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import builds, control_plane, cut
from cluster.kubectl import Kubectl

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.components import Component
    from cluster.cut import Proxy
    from cluster.layout import Layout
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

WITH_AN_IMAGE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one"},
    "spec": {
        "containers": [{"name": "main", "image": "any"}],
        "volumes": [{"name": "code", "image": {"reference": "any"}}],
    },
}
NOTHING_MORE = 0.3
"""Seconds in which nothing comes: a test that waits too short cannot fail for that."""


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    with cut.before_api(cluster.layout) as proxy:
        yield proxy


@pytest.fixture
def far(proxy: Proxy, kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """The same kubectl, through the proxy."""
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "cache"))  # it keeps a folder for every port in the home
    path = proxy.kubeconfig(tmp_path / "kubeconfig", like=kubectl.kubeconfig)
    return Kubectl(kubeconfig=path, namespace=kubectl.namespace)


@contextlib.contextmanager
def watch(kubectl: Kubectl) -> Iterator[subprocess.Popen[str]]:
    """A watch of configmaps that has begun: it has shown the one that every namespace has."""
    bound = (f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={kubectl.namespace}")
    command = [builds.program("kubectl"), *bound, "get", "configmaps", "--output=name", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "configmap/kube-root-ca.crt\n"
            yield process
        finally:
            process.kill()


def test_the_api_server_stops_and_comes_back_with_its_objects_and_other_gates(
    cluster: Cluster, kubectl: Kubectl
) -> None:
    ended = cluster.ended()
    kubectl("create", "configmap", "kept")
    with stopped(cluster, without_image_volumes):
        assert "was refused" in kubectl.run("get", "configmaps").stderr
    assert kubectl("get", "configmap", "kept", "--output=name") == "configmap/kept\n"
    assert not volumes_of_images(kubectl)
    with stopped(cluster, control_plane.apiserver):
        pass
    assert volumes_of_images(kubectl)
    assert cluster.ended() == ended


@contextlib.contextmanager
def stopped(cluster: Cluster, then: Callable[..., Component]) -> Iterator[None]:
    cluster.kill("kube-apiserver")
    try:
        yield
    finally:
        cluster.add(then(cluster.layout))


def without_image_volumes(layout: Layout) -> Component:
    return control_plane.apiserver(layout, gates={**control_plane.GATES, "ImageVolume": False})


def volumes_of_images(kubectl: Kubectl) -> str:
    """What the API server keeps of such a volume: where the gate is off, it drops it and says nothing."""
    shown = ("--dry-run=server", "--output=jsonpath={.spec.volumes[*].image.reference}")
    return kubectl("create", "--filename=-", *shown, text=json.dumps(WITH_AN_IMAGE))


def test_a_cut_ends_a_watch_and_refuses_until_it_is_healed(proxy: Proxy, far: Kubectl) -> None:
    with watch(far) as watching:
        proxy.cut()
        watching.wait(timeout=60)
        assert proxy.open == 0
    assert "was refused" in far.run("get", "configmaps").stderr
    proxy.heal()
    assert far("get", "configmaps", "--output=name") == "configmap/kube-root-ca.crt\n"


def test_a_stalled_watch_stays_open_and_shows_later_what_came_meanwhile(
    proxy: Proxy, far: Kubectl, kubectl: Kubectl
) -> None:
    with watch(far) as watching:
        proxy.stall()
        kubectl("create", "configmap", "meanwhile")
        assert "exceeded" in far.run("get", "--raw", "/api/v1/namespaces", "--request-timeout=300ms").stderr
        with pytest.raises(subprocess.TimeoutExpired):
            watching.wait(timeout=NOTHING_MORE)
        proxy.heal()
        assert watching.stdout
        assert watching.stdout.readline() == "configmap/meanwhile\n"


def test_a_slow_line_is_late_but_whole(proxy: Proxy, far: Kubectl, kubectl: Kubectl) -> None:
    noise = {"noise": os.urandom(300_000).hex()}  # packed, it still takes several seconds
    kubectl.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": noise})
    large = ("get", "--raw", f"/api/v1/namespaces/{kubectl.namespace}/configmaps/large")
    whole = kubectl(*large)
    taken = proxy.taken
    proxy.slow(50_000)
    assert far.run(*large, "--request-timeout=2s").stdout != whole
    assert proxy.taken > taken
    proxy.heal()
    assert far(*large) == whole
