"""The registry: an open one on the node's address, what is pushed to it, and how nodes reach it and its siblings."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Protocol

import yaml

from cluster.components import Component
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.readiness import http_ok

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cluster.readiness import Probe

OPEN, HTPASSWD, TOKEN, TLS, TOKENS = range(5000, 5005)
"""Ports on the node's address; the last is that of who issues the tokens. All but the first are in registries.py."""


def registry(cluster: Layout) -> Component:
    """Its blobs stay in the cache from one start to the next."""
    return serve(cluster, "registry", port=OPEN, ready=http_ok(cluster.node, OPEN, "/v2/"))


def serve(
    cluster: Layout,
    name: str,
    *,
    port: int,
    ready: Probe,
    auth: Mapping[str, Mapping[str, str]] | None = None,
    tls: Mapping[str, str] | None = None,
) -> Component:
    """A registry. All of them serve the same blobs: what was pushed through one door is pulled through every other."""
    storage = {"filesystem": {"rootdirectory": str(cluster.kept / "registry")}, "delete": {"enabled": True}}
    http = {"addr": f"{cluster.node}:{port}", **({"tls": dict(tls)} if tls else {})}
    config = {"version": "0.1", "storage": storage, "http": http, **({"auth": dict(auth)} if auth else {})}
    path = cluster.state / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    return Component(name=name, command=("docker-registry", "serve", str(path)), ready=ready)


def hosts(cluster: Layout) -> dict[str, str]:
    """For each registry, also for those that are not there yet, what containerd's hosts.toml says."""
    schemes = {OPEN: "http", HTPASSWD: "http", TOKEN: "http", TLS: "https"}
    return {f"{cluster.node}:{port}": _hosts_toml(cluster, port, scheme) for port, scheme in schemes.items()}


def _hosts_toml(cluster: Layout, port: int, scheme: str) -> str:
    server = f"{scheme}://{cluster.node}:{port}"
    authority = f'ca = "{cluster.pki / "ca.crt"}"\n' if scheme == "https" else ""
    return f'server = "{server}"\n[host."{server}"]\ncapabilities = ["pull", "resolve"]\n{authority}'


class InFolder(Protocol):
    """An image whose manifest and parts are in a folder."""

    @property
    def name(self) -> str:
        """Its repository."""

    @property
    def folder(self) -> Path:
        """There is `manifest.json`, and all that it names under its digest."""


def push(cluster: Layout, image: InFolder) -> str:
    """Have an image in the cluster's open registry; returns its name there."""
    return push_to(cluster.registry, image)


def push_to(address: str, image: InFolder) -> str:
    """Have an image in an open registry; returns its name there. A blob that is there already is not sent again.

    Raises:
        ClusterError: the registry refused a part, with its answer; or cannot be reached.
    """
    manifest = (image.folder / "manifest.json").read_bytes()
    parts = json.loads(manifest)
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        for part in (parts["config"], *parts["layers"]):
            _blob(connection, image, part["digest"])
        kind = {"Content-Type": parts["mediaType"]}
        _ask(connection, "PUT", f"/v2/{image.name}/manifests/latest", manifest, kind, good=(201,))
    except OSError as error:
        raise ClusterError(f"The registry {address} cannot be reached: {error}.") from error
    finally:
        connection.close()
    return f"{address}/{image.name}:latest"


def _blob(connection: http.client.HTTPConnection, image: InFolder, digest: str) -> None:
    if _ask(connection, "HEAD", f"/v2/{image.name}/blobs/{digest}", good=(200, 404))[0] == 200:
        return
    _, place = _ask(connection, "POST", f"/v2/{image.name}/blobs/uploads/", good=(202,))
    path = place[place.index("/v2/") :]
    file = image.folder / digest.removeprefix("sha256:")
    kind = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
    target = f"{path}{'&' if '?' in path else '?'}digest={digest}"
    _ask(connection, "PUT", target, file, kind, good=(201,))


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Path | None = None,
    headers: dict[str, str] | None = None,
    *,
    good: tuple[int, ...],
) -> tuple[int, str]:
    if body is None or isinstance(body, bytes):
        connection.request(method, path, body, headers or {})
    else:
        with body.open("rb") as file:
            connection.request(method, path, file, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in good:
        raise ClusterError(f"The registry answered {method} {path} with {answer.status}: {text.decode()[:500]}")
    return answer.status, answer.getheader("Location", "")
