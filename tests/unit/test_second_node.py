"""What two nodes of a cluster have apart, and what a test may turn, as far as it needs no cluster."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from cluster import builds, control_plane, node, second_node
from cluster.layout import Layout
from cluster.second_node import Settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cluster = Layout(name="here", number=3)
    cluster.state.mkdir(parents=True)
    return cluster


def written(cluster: Layout, settings: Settings | None = None) -> dict[str, object]:
    """The configuration that the second node's kubelet starts with."""
    second_node.kubelet(cluster, settings)
    found: dict[str, object] = yaml.safe_load((second_node.second(cluster).kubelet / "config.yaml").read_text())
    return found


def test_two_nodes_share_no_name_address_port_or_folder(here: Layout) -> None:
    one, two = node.first(here), second_node.second(here)
    for part in ("name", "address", "pods", "bridge", "run", "root", "port", "health", "socket", "images"):
        assert getattr(one, part) != getattr(two, part), part
    assert not {one.containerd, one.kubelet} & {two.containerd, two.kubelet}


def test_two_kubelets_share_no_cgroup_certificate_or_folder_of_logs(here: Layout) -> None:
    node.kubelet(here)
    one = yaml.safe_load((node.first(here).kubelet / "config.yaml").read_text())
    two = written(here)
    for part in ("cgroupRoot", "podLogsDir", "tlsCertFile", "tlsPrivateKeyFile", "containerRuntimeEndpoint", "port"):
        assert one[part] != two[part], part
    assert str(two["cgroupRoot"]).startswith(f"{one['cgroupRoot']}/")  # it goes with the cluster's


def test_a_threshold_is_added_to_those_that_never_hold(here: Layout) -> None:
    config = written(here, Settings(evict={"memory.available": "99%"}))
    nothing = {"imagefs.available": "0%", "nodefs.available": "0%"}
    assert config["evictionHard"] == {**nothing, "memory.available": "99%"}


def test_settings_of_logs_and_gates_reach_the_kubelet(here: Layout) -> None:
    config = written(here, Settings(log_size="1Mi", gates={"ImageVolume": False}))
    assert config["containerLogMaxSize"] == "1Mi"
    assert config["featureGates"] == {"ImageVolume": False}


def test_only_a_placed_pod_runs_there_and_leaves_soon_after_its_loss() -> None:
    spec = second_node.placed({"containers": []}, leaves_after=7)
    assert spec["nodeSelector"] == {"kubernetes.io/hostname": second_node.NAME}
    seconds = {one["key"]: one.get("tolerationSeconds") for one in spec["tolerations"]}
    unreachable, not_ready = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"
    assert seconds == {second_node.TAINT: None, unreachable: 7, not_ready: 7}


def test_containerd_reads_where_this_node_has_its_things(here: Layout) -> None:
    two = second_node.second(here)
    config = tomllib.loads(second_node._containerd_config(two))
    assert config["grpc"]["address"] == str(two.socket)
    network = config["plugins"]["io.containerd.cri.v1.runtime"]["cni"]
    assert network["conf_dir"] == str(two.containerd / "cni")


def test_the_api_server_has_image_volumes_unless_it_is_told_otherwise(here: Layout) -> None:
    assert "--feature-gates=ImageVolume=True,WatchList=False" in control_plane.apiserver(here).command
    assert "--feature-gates=A=False" in control_plane.apiserver(here, gates={"A": False}).command


def test_a_lost_node_is_looked_for_more_often_than_it_may_be_silent(here: Layout) -> None:
    command = control_plane.controller_manager(here, lost_after=6).command
    assert {"--node-monitor-grace-period=6s", "--node-monitor-period=1.2s"} <= set(command)
    assert "--node-monitor-grace-period=50s" in control_plane.controller_manager(here).command


def test_containerd_is_built_only_when_it_is_required() -> None:
    assert builds.CONTAINERD not in builds.ALL
    assert builds.program("containerd-shim-runc-v2").startswith(str(builds.CONTAINERD.folder))
