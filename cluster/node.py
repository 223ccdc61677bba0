"""The node: containerd, the pods' network, the kubelet."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from cluster import builds, layout
from cluster.components import Component
from cluster.layout import Layout
from cluster.readiness import both, http_ok, socket_at, succeeds

SOCKET = Path("/run/ciao-cluster/containerd.sock")
"""In the cluster's own /run: short enough for a Unix socket, and the same in every cluster."""


def containerd(cluster: Layout) -> Component:
    """Its images stay in the cache from one start to the next; all else is in the cluster's own /run."""
    folder = cluster.state / "containerd"
    certificates = folder / "certs.d" / cluster.registry
    certificates.mkdir(parents=True)
    host = f'server = "http://{cluster.registry}"\n[host."http://{cluster.registry}"]\n'
    (certificates / "hosts.toml").write_text(host + 'capabilities = ["pull", "resolve"]\n')
    _network(cluster, folder / "cni")
    config = folder / "config.toml"
    config.write_text(_containerd_config(cluster, folder))
    command = ("containerd", f"--config={config}")
    return Component(name="containerd", command=command, ready=socket_at(SOCKET))


def kubelet(cluster: Layout) -> Component:
    """Ready once it answers and its node is Ready."""
    folder = cluster.state / "kubelet"
    folder.mkdir()
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")  # there is no world outside to look names up in
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(_kubelet_config(cluster, resolver)))
    command = (
        builds.program("kubelet"),
        f"--config={config}",
        f"--kubeconfig={cluster.pki / 'kubelet.kubeconfig'}",
        f"--hostname-override={layout.NODE}",
        f"--node-ip={cluster.node}",
        "--root-dir=/var/lib/kubelet",  # the cluster's own, by a mount
        f"--cert-dir={folder}",
    )
    wait = ("wait", "--for=condition=Ready", f"node/{layout.NODE}", "--timeout=1s")
    node = succeeds(builds.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *wait)
    return Component(name="kubelet", command=command, ready=both(http_ok("127.0.0.1", 10248, "/healthz"), node))


def _network(cluster: Layout, folder: Path) -> None:
    folder.mkdir()
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": cluster.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/ciao-cluster/addresses",
    }
    bridge = {"type": "bridge", "bridge": "ciao0", "isGateway": True, "hairpinMode": True, "ipMasq": False}
    network = {"cniVersion": "0.4.0", "name": "ciao", "plugins": [{**bridge, "ipam": addresses}]}
    (folder / "10-ciao.conflist").write_text(json.dumps(network))


def _containerd_config(cluster: Layout, folder: Path) -> str:
    return f"""\
version = 2
root = "{cluster.kept / "containerd"}"
state = "/run/ciao-cluster/containerd"
oom_score = 0
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{cluster.registry}/pause:latest"
  restrict_oom_score_adj = true  # without it no sandbox starts where the score may not be lowered
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder / "certs.d"}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _kubelet_config(cluster: Layout, resolver: Path) -> dict[str, object]:
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
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"imagefs.available": "0%", "memory.available": "0%", "nodefs.available": "0%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": True,  # MPIJob asks for ephemeral storage
        "maxOpenFiles": 20000,
        "maxPods": 200,
        "oomScoreAdj": 0,
        "podLogsDir": str(cluster.logs / "pods"),
        "resolvConf": str(resolver),
        "tlsCertFile": str(cluster.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(cluster.pki / "kubelet.key"),
    }
