"""The node: containerd, the pods' network, the kubelet. What a second one shares with it is here too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import builds, layout, registry
from cluster.components import Component
from cluster.layout import Layout
from cluster.readiness import both, http_ok, socket_at, succeeds

RUN = Path("/run/ciao-cluster")
"""In the cluster's own /run: short enough for Unix sockets, and the same in every cluster."""
SOCKET = RUN / "containerd.sock"
LEASE = 8
"""Seconds; a kubelet says four times as often that it lives, so that a test may call it lost after a few seconds."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """What one node has for itself: of these names and addresses, two nodes of a cluster share none."""

    cluster: Layout
    name: str = layout.NODE
    suffix: str = ""
    address: str
    pods: str
    bridge: str = "ciao0"
    run: Path = RUN
    root: Path = Path("/var/lib/kubelet")  # the cluster's own, by a mount
    port: int = 10250
    health: int = 10248

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.run / SOCKET.name

    @property
    def images(self) -> Path:
        """Stay in the cache from one start to the next."""
        return self.cluster.kept / f"containerd{self.suffix}"

    @property
    def containerd(self) -> Path:
        """Its configuration."""
        return self.cluster.state / f"containerd{self.suffix}"

    @property
    def kubelet(self) -> Path:
        """Its configuration."""
        return self.cluster.state / f"kubelet{self.suffix}"


def bridge(node: Node) -> Iterator[tuple[str, ...]]:
    """The commands that make the node's bridge, with the address that its pods go by.

    It has a hardware address of its own: the kernel else gives it the lowest of its ports', another one whenever a pod
    comes or goes, and what others send to the one that they remember is lost, for up to a minute.
    """
    hardware = "02:00:" + ":".join(f"{int(part):02x}" for part in node.address.split("."))
    yield "ip", "link", "add", node.bridge, "address", hardware, "type", "bridge"
    yield "ip", "address", "add", f"{node.address}/24", "dev", node.bridge
    yield "ip", "link", "set", node.bridge, "up"


def first(cluster: Layout) -> Node:
    """The one that every cluster has."""
    return Node(cluster=cluster, address=cluster.node, pods=cluster.pods)


def containerd(cluster: Layout) -> Component:
    """Debian's. Its images stay in the cache from one start to the next; all else is in the cluster's own /run."""
    node = first(cluster)
    config = configure_containerd(node, _containerd_config(node))
    return Component(name="containerd", command=("containerd", f"--config={config}"), ready=socket_at(SOCKET))


def kubelet(cluster: Layout) -> Component:
    """Ready once it answers and its node is Ready."""
    return kubelet_of(first(cluster), {})


def configure_containerd(node: Node, config: str) -> Path:
    """Write its configuration, the pods' network, and where images come from; the path of the first."""
    folder = node.containerd
    for address, text in registry.hosts(node.cluster).items():
        (folder / "certs.d" / address).mkdir(parents=True)
        (folder / "certs.d" / address / "hosts.toml").write_text(text)
    _network(node, folder / "cni")
    (folder / "config.toml").write_text(config)
    return folder / "config.toml"


def kubelet_of(node: Node, settings: dict[str, Any]) -> Component:
    """A kubelet whose configuration has these settings above those that all nodes have."""
    folder, cluster = node.kubelet, node.cluster
    folder.mkdir(exist_ok=True)
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")  # there is no world outside to look names up in
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({**_kubelet_config(node, resolver), **settings}))
    command = (
        builds.program("kubelet"),
        f"--config={config}",
        f"--kubeconfig={cluster.pki / f'kubelet{node.suffix}.kubeconfig'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--root-dir={node.root}",
        f"--cert-dir={folder}",
    )
    wait = ("wait", "--for=condition=Ready", f"node/{node.name}", "--timeout=1s")
    ready = succeeds(builds.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *wait)
    healthy = http_ok(node.address, node.health, "/healthz")
    return Component(name=f"kubelet{node.suffix}", command=command, ready=both(healthy, ready))


def _network(node: Node, folder: Path) -> None:
    folder.mkdir()
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(node.run / "addresses"),
    }
    bridge = {"type": "bridge", "bridge": node.bridge, "isGateway": True, "hairpinMode": True, "ipMasq": False}
    network = {"cniVersion": "0.4.0", "name": f"ciao{node.suffix}", "plugins": [{**bridge, "ipam": addresses}]}
    (folder / "10-ciao.conflist").write_text(json.dumps(network))


def _containerd_config(node: Node) -> str:
    return f"""\
version = 2
root = "{node.images}"
state = "{node.run / "containerd"}"
oom_score = 0
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{node.cluster.registry}/pause:latest"
  restrict_oom_score_adj = true  # without it no sandbox starts where the score may not be lowered
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node.containerd / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{node.containerd / "certs.d"}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _kubelet_config(node: Node, resolver: Path) -> dict[str, Any]:
    cluster = node.cluster
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(cluster.pki / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.cgroup}",
        "clusterDNS": [cluster.node],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"imagefs.available": "0%", "memory.available": "0%", "nodefs.available": "0%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzBindAddress": node.address,
        "healthzPort": node.health,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": True,  # MPIJob asks for ephemeral storage
        "maxOpenFiles": 20000,
        "maxPods": 200,
        "nodeLeaseDurationSeconds": LEASE,
        "oomScoreAdj": 0,
        "podLogsDir": str(cluster.logs / f"pods{node.suffix}"),
        "port": node.port,
        "resolvConf": str(resolver),
        "tlsCertFile": str(cluster.pki / f"kubelet{node.suffix}.crt"),
        "tlsPrivateKeyFile": str(cluster.pki / f"kubelet{node.suffix}.key"),
    }
