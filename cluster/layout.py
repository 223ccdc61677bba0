"""Where everything of one cluster is: folders, addresses, ports. One frozen value, known before anything starts."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError

NODE = "node-0"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
NETWORKS = 64
"""So many clusters can run side by side: each has a /24 for its pods."""
PARTS = (244, 245, 246)
"""The networks of a cluster's pods, of its cable, and of its second node's pods: 10.PART.NUMBER."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One cluster. Its ports are fixed because its network namespace is its own; only its network is chosen."""

    name: str
    number: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.name):
            raise ClusterError(f"{self.name!r} cannot name a cluster: use a to z, 0 to 9 and -, at most 31 of them.")

    @property
    def state(self) -> Path:
        """Lives as long as the cluster; the logs in it stay until the next start."""
        return _base("XDG_STATE_HOME", ".local/state") / "ciao-cluster" / self.name

    @property
    def kept(self) -> Path:
        """What this cluster keeps from one start to the next: pulled and pushed images."""
        return cache() / "clusters" / self.name

    @property
    def logs(self) -> Path:
        """One file for each component."""
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        """Keys and certificates, made anew at every start."""
        return self.state / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; holds on the host and inside."""
        return self.state / "kubeconfig"

    @property
    def pods(self) -> str:
        """The pods' network, routed on the host too."""
        return f"10.244.{self.number}.0/24"

    @property
    def node(self) -> str:
        """The bridge's address: node, API, DNS and registry, on the host, in pods and inside."""
        return f"10.244.{self.number}.1"

    @property
    def outer(self) -> str:
        """The host's end of the cable into the cluster's network namespace."""
        return f"10.245.{self.number}.1"

    @property
    def inner(self) -> str:
        """The cluster's end of that cable."""
        return f"10.245.{self.number}.2"

    @property
    def cable(self) -> str:
        """The host's network device; it goes away with the cluster's namespace."""
        return f"ciao-host{self.number}"

    @property
    def api(self) -> str:
        """The API's address."""
        return f"https://{self.node}:6443"

    @property
    def registry(self) -> str:
        """The open registry, by one name everywhere."""
        return f"{self.node}:5000"

    @property
    def cgroup(self) -> str:
        """Name of the folder in every cgroup hierarchy that holds this cluster's pods."""
        return f"ciao-cluster-{self.name}"


def cache() -> Path:
    """What is slow to make and holds for every cluster: binaries, base images."""
    return _base("XDG_CACHE_HOME", ".cache") / "ciao-cluster"


def free(name: str) -> Layout:
    """A layout whose network nobody on this machine uses. Of two starts at the same moment the kernel refuses one."""
    listed = subprocess.run(
        ["ip", "-4", "-o", "route", "show", "table", "all"], capture_output=True, text=True, check=True
    )
    for number in range(NETWORKS):
        layout = Layout(name=name, number=number)
        if not any(f"10.{part}.{number}." in listed.stdout for part in PARTS):
            return layout
    raise ClusterError(
        f"All of 10.244.0.0 to 10.244.{NETWORKS - 1}.0 are in use: end a cluster with `make cluster-down`."
    )


def _base(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)
