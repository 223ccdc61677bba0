"""An image in a folder, as it is in the cache: `manifest.json`, and all that it names under its digest."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError

DOCKER = "application/vnd.docker"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
REMOVED = ".wh."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An image that is there, and its repository."""

    name: str
    folder: Path


def digest(folder: Path) -> str:
    """By which a registry knows it."""
    return f"sha256:{hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()}"


def config(folder: Path) -> dict[str, Any]:
    """User, variables, labels and so on, and the history."""
    found: dict[str, Any] = json.loads(_part(folder, _manifest(folder)["config"]).read_bytes())
    return found


def size(folder: Path) -> int:
    """Bytes that are pulled."""
    manifest = _manifest(folder)
    return sum(one["size"] for one in (manifest["config"], *manifest["layers"]))


def layers(folder: Path) -> list[Path]:
    """Their files, the lowest first."""
    return [_part(folder, one) for one in _manifest(folder)["layers"]]


def parts(folder: Path) -> tuple[bytes, list[tuple[dict[str, Any], Path]]]:
    """Its manifest, byte for byte, and all that this names, each with its file."""
    manifest = _manifest(folder)
    named = [(one, _part(folder, one)) for one in (manifest["config"], *manifest["layers"])]
    return (folder / "manifest.json").read_bytes(), named


def read(folder: Path, path: str) -> bytes:
    """A file of the image.

    Raises:
        FileNotFoundError: it has none of that name.
    """
    for layer in reversed(layers(folder)):
        with tarfile.open(layer) as tar:
            for member in tar:
                if member.name.lstrip("./") == path and (file := tar.extractfile(member)):
                    return file.read()
    raise FileNotFoundError(f"The image in {folder} has no {path}.")


def with_health_check(folder: Path, dockerfile: str) -> None:
    """Make it one of Docker's format, because OCI's has no place for the check that a Dockerfile says.

    Raises:
        ClusterError: that says none in the one way which is understood: options in seconds, and a list of words.
    """
    manifest = _manifest(folder)
    old = _part(folder, manifest["config"])
    content = json.loads(old.read_bytes())
    content["config"]["Healthcheck"] = _health_check(dockerfile)
    text = json.dumps(content, separators=(",", ":")).encode()
    old.unlink()
    name = hashlib.sha256(text).hexdigest()
    (folder / name).write_bytes(text)
    config = {"mediaType": f"{DOCKER}.container.image.v1+json", "size": len(text), "digest": f"sha256:{name}"}
    layers = [{**one, "mediaType": f"{DOCKER}.image.rootfs.diff.tar.gzip"} for one in manifest["layers"]]
    kind = f"{DOCKER}.distribution.manifest.v2+json"
    made = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}
    (folder / "manifest.json").write_text(json.dumps(made, separators=(",", ":")))


def _health_check(dockerfile: str) -> dict[str, Any]:
    """As Docker writes it down: times in nanoseconds."""
    found = re.search(r"^HEALTHCHECK ((?:--[a-z-]+=\d+s )*)CMD (\[.*\])$", dockerfile, re.MULTILINE)
    if not found:
        raise ClusterError("The Dockerfile has no HEALTHCHECK of the form --interval=30s CMD [...] on one line.")
    times = re.findall(r"--([a-z-]+)=(\d+)s", found[1])
    named = {name.title().replace("-", ""): int(seconds) * 10**9 for name, seconds in times}
    return {"Test": ["CMD", *json.loads(found[2])], **named}


def archive(folder: Path, target: Path, name: str) -> None:
    """One file that `docker load` and `podman load` take, old ones too: an OCI layout with Docker's list beside it.

    Of the same image it is the same, byte for byte.
    """
    manifest = _manifest(folder)
    parts = [manifest["config"], *manifest["layers"]]
    words = digest(folder).removeprefix("sha256:")
    named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    content = (folder / "manifest.json").read_bytes()
    whole = {"mediaType": manifest["mediaType"], "digest": digest(folder), "size": len(content), "annotations": named}
    places = [f"blobs/sha256/{one['digest'].removeprefix('sha256:')}" for one in parts]
    texts = {
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
        "index.json": {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [whole]},
        "manifest.json": [{"Config": places[0], "RepoTags": [name], "Layers": places[1:]}],
    }
    with tarfile.open(target, "w") as tar:
        for path, text in texts.items():
            _add(tar, path, json.dumps(text).encode())
        _add(tar, f"blobs/sha256/{words}", content)
        for place, part in zip(places, parts, strict=True):
            with _part(folder, part).open("rb") as file:
                tar.addfile(_entry(place, part["size"]), file)


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    tar.addfile(_entry(path, len(content)), io.BytesIO(content))


def _entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    return entry


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def _part(folder: Path, descriptor: dict[str, Any]) -> Path:
    return folder / str(descriptor["digest"]).removeprefix("sha256:")
