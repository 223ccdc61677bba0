"""kube-proxy: the addresses of services, by rules in the cluster's own network namespace."""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster import builds, layout
from cluster.components import Component
from cluster.layout import Layout
from cluster.readiness import http_ok

BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
"""Whether the rules see what goes from pod to pod over the bridge; missing where the kernel cannot do that."""


def component(cluster: Layout) -> Component:
    """Ready once it has written the rules of the services that are there."""
    config = cluster.state / "kube-proxy.yaml"
    config.write_text(yaml.safe_dump(_config(cluster)))
    command = (builds.program("kube-proxy"), f"--config={config}", f"--hostname-override={layout.NODE}")
    return Component(name="kube-proxy", command=command, ready=http_ok("127.0.0.1", 10256, "/healthz"))


def _config(cluster: Layout) -> dict[str, object]:
    """The limits of connection tracking are the machine's, not the cluster's: 0 leaves them as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(cluster.pki / "kube-proxy.kubeconfig")},
        "clusterCIDR": cluster.pods,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "iptables",
        # An answer that goes straight over the bridge would have the pod's address and not the service's. Where the
        # rules do not see it, the node stands in for who asked.
        "iptables": {"masqueradeAll": not BRIDGED.exists(), "minSyncPeriod": "100ms"},
    }
