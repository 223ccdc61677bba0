"""etcd, the API server, the controller manager and the scheduler."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cluster import builds, layout
from cluster.components import Component
from cluster.layout import Layout
from cluster.readiness import http_ok, https_ok, succeeds

if TYPE_CHECKING:
    from collections.abc import Mapping

ETCD = "http://127.0.0.1:2379"
GATES: Mapping[str, bool] = MappingProxyType(
    {
        "ImageVolume": True,  # without it such volumes are dropped, silently; the nodes have a say too
        "WatchList": False,  # needs etcd 3.4.31, Debian has 3.4.23
    }
)

LAVISH = {"GOGC": "400", "GOMEMLIMIT": "800MiB"}
"""A quarter of the apiserver's processor time at a start is the collection of garbage, by far the most of all programs:
fewer rounds save 2 to 4 s of some 14, for 0.25 GB of memory."""


def etcd(cluster: Layout) -> Component:
    """Without fsync: what it holds is not to outlive the cluster."""
    command = (
        "etcd",
        f"--data-dir={cluster.state / 'etcd'}",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
    )
    return Component(name="etcd", command=command, ready=http_ok("127.0.0.1", 2379, "/health"))


def apiserver(cluster: Layout, *, gates: Mapping[str, bool] = GATES) -> Component:
    """Listens on every address of the namespace, so for the host and for pods too."""
    pki = cluster.pki
    command = (
        builds.program("kube-apiserver"),
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={layout.SERVICES}",
        "--authorization-mode=Node,RBAC",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        "--secure-port=6443",
        f"--advertise-address={cluster.node}",
        f"--cert-dir={cluster.state / 'apiserver'}",
        f"--feature-gates={','.join(f'{name}={on}' for name, on in gates.items())}",
    )
    kubectl = (builds.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", "get", "--raw", "/readyz")
    return Component(name="kube-apiserver", command=command, environment=LAVISH, ready=succeeds(*kubectl))


def controller_manager(cluster: Layout, *, lost_after: int = 50) -> Component:
    """Its rates are raised so that a thousand pods are made, and removed, in seconds.

    A node that has said nothing for `lost_after` seconds counts as lost; 50 is the default of Kubernetes.
    """
    command = (
        builds.program("kube-controller-manager"),
        *_authenticated(cluster),
        f"--service-account-private-key-file={cluster.pki / 'service-accounts.key'}",
        f"--root-ca-file={cluster.pki / 'ca.crt'}",
        f"--cert-dir={cluster.state / 'controller-manager'}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        f"--node-monitor-grace-period={lost_after}s",
        f"--node-monitor-period={min(lost_after / 5, 5):g}s",
    )
    ready = https_ok(cluster.node, 10257, "/healthz")
    return Component(name="kube-controller-manager", command=command, ready=ready)


def scheduler(cluster: Layout) -> Component:
    """With its defaults."""
    command = (
        builds.program("kube-scheduler"),
        *_authenticated(cluster),
        f"--cert-dir={cluster.state / 'scheduler'}",
    )
    return Component(name="kube-scheduler", command=command, ready=https_ok(cluster.node, 10259, "/healthz"))


def _authenticated(cluster: Layout) -> tuple[str, ...]:
    kinds = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return (*(f"--{kind}={cluster.kubeconfig}" for kind in kinds), "--leader-elect=false")
