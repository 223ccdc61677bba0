"""CoreDNS on the node's address: services and pods of the cluster, nothing else."""

from __future__ import annotations

from cluster import builds
from cluster.components import Component
from cluster.layout import Layout
from cluster.readiness import http_ok


def coredns(cluster: Layout) -> Component:
    """Ready once it has seen the API's services."""
    config = cluster.state / "Corefile"
    config.write_text(
        ".:53 {\n"
        f"  bind {cluster.node}\n"
        "  errors\n"
        "  ready 127.0.0.1:8181\n"
        f"  kubernetes cluster.local {{\n    kubeconfig {cluster.kubeconfig} {cluster.name}\n    ttl 2\n  }}\n"
        "}\n"
    )
    command = (builds.program("coredns"), f"-conf={config}")
    return Component(name="coredns", command=command, ready=http_ok("127.0.0.1", 8181, "/ready"))
