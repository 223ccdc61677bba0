"""The registry: one open one on the node's address, and what is pushed to it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import yaml

from cluster.components import Component
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.readiness import http_ok

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.images import Image

PORT = 5000


def registry(cluster: Layout) -> Component:
    """Its blobs stay in the cache from one start to the next."""
    folder = cluster.kept / "registry"
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": cluster.registry},
    }
    path = cluster.state / "registry.yaml"
    path.write_text(yaml.safe_dump(config))
    command = ("docker-registry", "serve", str(path))
    return Component(name="registry", command=command, ready=http_ok(cluster.node, PORT, "/v2/"))


def push(cluster: Layout, image: Image) -> str:
    """Have an image in the cluster's open registry; returns its name there."""
    return push_to(cluster.registry, image)


def push_to(address: str, image: Image) -> str:
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


def _blob(connection: http.client.HTTPConnection, image: Image, digest: str) -> None:
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
