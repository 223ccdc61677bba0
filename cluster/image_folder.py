"""An image in a folder, as it is in the cache: `manifest.json`, and all that it names under its digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
REMOVED = ".wh."


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
