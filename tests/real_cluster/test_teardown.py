"""A cluster leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import cgroups, control_plane, images, outside, readiness
from cluster.errors import ClusterError
from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def _present() -> dict[str, list[str]]:
    """What could be left on the host."""

    def lines(*command: str) -> list[str]:
        return sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())

    processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return {
        "links": [line.split(": ")[1] for line in lines("ip", "-o", "link")],
        "routes": lines("ip", "-4", "route"),
        "rules": [line for line in lines("iptables", "-t", "nat", "-S") if not line.startswith("#")],
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "processes": sorted(line.decode() for line in processes if b"ciao-cluster/" in line),
    }


def _run_a_pod(cluster: outside.Cluster) -> None:
    kubectl = Kubectl(kubeconfig=cluster.layout.kubeconfig, namespace="one")
    kubectl.make_namespace()
    kubectl("run", "one", f"--image={cluster.image(images.TINY)}", "--", "sleep", "600")
    kubectl.until("pod/one", "{.status.phase}", "Running")


def test_down_leaves_no_process_mount_link_route_rule_or_cgroup() -> None:
    outside.down("teardown")
    before = _present()
    with outside.running("teardown", print) as cluster:
        _run_a_pod(cluster)
        assert all(_present()[kind] != before[kind] for kind in ("links", "routes", "processes"))
        assert cgroups.left(cluster.layout.cgroup)
    assert _present() == before
    assert not cgroups.left(cluster.layout.cgroup)
    assert [entry.name for entry in cluster.layout.state.iterdir()] == ["logs"]


def test_a_cluster_whose_starter_is_killed_ends() -> None:
    code = "from cluster import outside\nwith outside.running('teardown', print): print('UP', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        assert any(line == "UP\n" for line in starter.stdout)
        assert outside.find("teardown")
        starter.kill()
    readiness.until(lambda: outside.find("teardown") is None, what="The cluster ends")
    outside.down("teardown")


def test_two_clusters_run_side_by_side(cluster: outside.Cluster) -> None:
    with outside.running("teardown", print) as other:
        for one in (cluster, other):
            _run_a_pod(one)
        assert cluster.layout.api != other.layout.api
    assert cluster.alive()


def test_a_program_that_was_killed_starts_again_and_does_not_count_as_ended(cluster: outside.Cluster) -> None:
    cluster.kill("kube-apiserver")
    with pytest.raises(ClusterError, match="No component kube-apiserver"):
        cluster.kill("kube-apiserver")
    cluster.add(control_plane.apiserver(cluster.layout))
    assert not cluster.ended()
