"""A second node, added to a running cluster: containerd 2 with image volumes, and all that a test of faults turns.

Only pods that are `placed` run there. It is a machine in name only, with its own bridge, cgroups and disk: an end of
it, by `lose`, is seen by the cluster as that of a machine.

    second_node.add(cluster)                                                    # or with Settings(...)
    ... a pod whose spec is `second_node.placed(spec)` ...
    second_node.change(cluster, Settings(evict={"memory.available": "99%"}))    # and back: Settings()
    second_node.lose(cluster)
    second_node.add(cluster)
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cluster import builds, cgroups, node, outside, pki
from cluster.components import Component
from cluster.layout import Layout
from cluster.node import Node
from cluster.outside import Cluster
from cluster.readiness import says

NAME = "node-1"
TAINT = "ciao-cluster/second-node"
SUFFIX = "-1"
CONTAINERD, KUBELET = f"containerd{SUFFIX}", f"kubelet{SUFFIX}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a test may want otherwise."""

    log_size: str = "64Ki"
    """A container's log is rotated above this, looked at every 3 s, the least that a kubelet takes."""
    disk: str = "256m"
    """Size, as mount has it, of the disk for volumes of pods, a tmpfs; fixed when the node is first added."""
    evict: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"nodefs.available": "32Mi"}))
    """Below these the node is under pressure: nodefs.available, memory.available, imagefs.available ..."""
    gates: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({"ImageVolume": True}))


def second(cluster: Layout) -> Node:
    """Its names and addresses."""
    run = node.RUN / NAME
    return Node(
        cluster=cluster,
        name=NAME,
        suffix=SUFFIX,
        address=f"10.246.{cluster.number}.1",
        pods=f"10.246.{cluster.number}.0/24",
        bridge="ciao1",
        run=run,
        root=run / "kubelet",
        port=10350,
        health=10348,
    )


def add(cluster: Cluster, settings: Settings | None = None, progress: Callable[[str], None] = print) -> None:
    """Have it, Ready. One that runs is left as it is; one that was lost comes back.

    Raises:
        ClusterError: a program could not be built, or did not become ready; with the reason.
    """
    one = second(cluster.layout)
    builds.require(builds.CONTAINERD, progress)
    if not one.containerd.exists():
        _prepare(cluster, one, settings or Settings())
    if not cluster.runs(CONTAINERD):
        cluster.add(_containerd(one), progress)
    if not cluster.runs(KUBELET):
        cluster.add(kubelet(cluster.layout, settings), progress)


def change(cluster: Cluster, settings: Settings, progress: Callable[[str], None] = print) -> None:
    """Restart its kubelet with other settings; pods stay."""
    cluster.kill(KUBELET)
    cluster.add(kubelet(cluster.layout, settings), progress)


def lose(cluster: Cluster) -> None:
    """End the whole node at once, as if its power were cut; `add` brings it back."""
    for name in (KUBELET, CONTAINERD):
        cluster.kill(name)
    for process in cgroups.processes(_cgroup(cluster.layout)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def placed(spec: dict[str, Any], *, leaves_after: int = 1) -> dict[str, Any]:
    """A pod's spec that runs only there; so many seconds after the node was found to be lost, the pod is deleted."""
    lost = [
        {"key": f"node.kubernetes.io/{key}", "effect": "NoExecute", "tolerationSeconds": leaves_after}
        for key in ("not-ready", "unreachable")
    ]
    tolerations = [{"key": TAINT, "operator": "Exists"}, *({**one, "operator": "Exists"} for one in lost)]
    return {**spec, "nodeSelector": {"kubernetes.io/hostname": NAME}, "tolerations": tolerations}


def kubelet(cluster: Layout, settings: Settings | None = None) -> Component:
    """Ready once it answers and its node is Ready."""
    return node.kubelet_of(second(cluster), _kubelet_settings(cluster, settings or Settings()))


def _kubelet_settings(cluster: Layout, settings: Settings) -> dict[str, Any]:
    nothing = {"imagefs.available": "0%", "memory.available": "0%", "nodefs.available": "0%"}
    return {
        "cgroupRoot": f"/{_cgroup(cluster)}",
        "containerLogMaxSize": settings.log_size,
        "containerLogMonitorInterval": "3s",
        "evictionHard": {**nothing, **settings.evict},
        "evictionPressureTransitionPeriod": "1s",
        "featureGates": dict(settings.gates),
        "registerWithTaints": [{"key": TAINT, "effect": "NoSchedule"}],  # from its first second
        "volumeStatsAggPeriod": "1s",
    }


def _cgroup(cluster: Layout) -> str:
    """In the cluster's own, so that it goes with it."""
    return f"{cluster.cgroup}/{NAME}"


def _prepare(cluster: Cluster, one: Node, settings: Settings) -> None:
    """What must be there before its first start; the configuration of containerd last, by which it is known."""
    pki.kubelet(cluster.layout, f"kubelet{SUFFIX}", node=NAME, address=one.address)
    cgroups.make(_cgroup(cluster.layout))
    cluster.run("mkdir", "-p", str(one.root))
    cluster.run("mount", "-t", "tmpfs", "-o", f"size={settings.disk}", "tmpfs", str(one.root))
    for command in node.bridge(one):
        cluster.run(*command)
    outside.route(cluster.layout, one.pods)
    node.configure_containerd(one, _containerd_config(one))


def _containerd(one: Node) -> Component:
    """Ready once it says so: its socket is there before it serves a kubelet, which would end."""
    path = os.environ.get("PATH", os.defpath)
    return Component(
        name=CONTAINERD,
        command=(builds.program("containerd"), f"--config={one.containerd / 'config.toml'}"),
        ready=says(one.cluster.logs / f"{CONTAINERD}.log", "containerd successfully booted"),
        environment={"PATH": f"{builds.CONTAINERD.folder}:{path}"},  # its own shim before Debian's
    )


def _containerd_config(one: Node) -> str:
    return f"""\
version = 3
root = "{one.images}"
state = "{one.run / "containerd"}"
oom_score = 0
[grpc]
  address = "{one.socket}"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  stats_collect_period = 1
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{one.cluster.registry}/pause:latest"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{one.containerd / "certs.d"}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true  # without it no sandbox starts where the score may not be lowered
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{one.containerd / "cni"}"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "{one.run / "opt"}"
"""
