"""The cluster's own authority and the keys it signs, by openssl: new at every start, valid for a year, never shared."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import yaml

from cluster import layout
from cluster.errors import ClusterError
from cluster.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

WEBHOOKS = "webhooks"
"""The certificate that all webhooks serve with: they are called as 127.0.0.1, and one of them checks its DNS name."""

REGISTRY = "registry"
"""The certificate of the registry behind TLS."""


def make(cluster: Layout) -> None:
    """Write ca, apiserver, admin, kubelet, kube-proxy, registry, webhooks (.crt and .key), and the kubeconfigs.

    Also service-accounts.key and .pub.
    """
    folder = cluster.pki
    folder.mkdir(mode=0o700)
    _authority(folder)
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
    addresses = ("127.0.0.1", layout.API_SERVICE, cluster.node, cluster.inner)
    _sign(folder, "apiserver", subject="/CN=kube-apiserver", names=names, addresses=addresses)
    _sign(folder, "admin", subject="/O=system:masters/CN=admin")
    _sign(folder, "kube-proxy", subject="/CN=system:kube-proxy")
    _sign(folder, REGISTRY, subject="/CN=registry", addresses=(cluster.node,))
    served = ("training-operator.kubeflow.svc", "training-operator.kubeflow.svc.cluster.local")
    _sign(folder, WEBHOOKS, subject="/CN=webhooks", names=served, addresses=("127.0.0.1",))
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "service-accounts.key")
    _openssl(folder, "ec", "-in", "service-accounts.key", "-pubout", "-out", "service-accounts.pub")
    _kubeconfig(cluster, "admin", cluster.kubeconfig)
    _kubeconfig(cluster, "kube-proxy", folder / "kube-proxy.kubeconfig")
    kubelet(cluster, "kubelet", node=layout.NODE, address=cluster.node)


def kubelet(cluster: Layout, name: str, *, node: str, address: str) -> None:
    """What a node's kubelet serves with and calls the API with: (name).crt, .key and .kubeconfig."""
    subject = f"/O=system:nodes/CN=system:node:{node}"
    _sign(cluster.pki, name, subject=subject, names=(node,), addresses=(address,))
    _kubeconfig(cluster, name, cluster.pki / f"{name}.kubeconfig")


def self_signed(folder: Path, name: str) -> None:
    """A certificate that vouches for itself, for what is not served but signed with it."""
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365",
        "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
    )  # fmt: skip


def _authority(folder: Path) -> None:
    """As the Training Operator's certificate rotator wants it, or it makes its own: PKCS #1, and that name."""
    _openssl(folder, "genrsa", "-traditional", "-out", "ca.key", "2048")
    _openssl(
        folder, "req", "-x509", "-new", "-key", "ca.key", "-days", "365",
        "-subj", "/CN=ciao-cluster", "-addext", "keyUsage=critical,keyCertSign,digitalSignature",
        "-addext", "subjectAltName=DNS:training-operator-ca", "-out", "ca.crt",
    )  # fmt: skip


def _sign(
    folder: Path, name: str, *, subject: str, names: tuple[str, ...] = (), addresses: tuple[str, ...] = ()
) -> None:
    alternatives = [f"DNS:{one}" for one in names] + [f"IP:{one}" for one in addresses]
    extensions = "extendedKeyUsage=serverAuth,clientAuth\n"
    if alternatives:
        extensions += f"subjectAltName={','.join(alternatives)}\n"
    (folder / f"{name}.ext").write_text(extensions)
    _openssl(
        folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "365", "-extfile", f"{name}.ext", "-out", f"{name}.crt",
    )  # fmt: skip


def _kubeconfig(cluster: Layout, user: str, path: Path) -> None:
    def data(name: str) -> str:
        return base64.b64encode((cluster.pki / name).read_bytes()).decode()

    server = {"server": cluster.api, "certificate-authority-data": data("ca.crt")}
    client = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    context = {"cluster": cluster.name, "user": user, "namespace": "default"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": server}],
        "users": [{"name": user, "user": client}],
        "contexts": [{"name": cluster.name, "context": context}],
        "current-context": cluster.name,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"openssl {' '.join(arguments)} failed:\n{done.stderr}")
