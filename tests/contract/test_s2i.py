"""The strategies that need nothing but a registry, or not even that, keep what every strategy promises."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from ciao.model import CODE, Bundle, Files, Folder, Mounted, Pinned, Role, Target
from ciao.s2i.append import Append
from ciao.s2i.base import S2IClient
from ciao.s2i.configmap import ConfigMap
from ciao.s2i.directory import Directory
from ciao.s2i.imagevolume import ImageVolume
from ciao.settings import Settings
from contract.s2i import *  # noqa: F403  # its tests are found here
from fakes import images
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"


class InFolders:
    """Bundles in folders of jobs; and in a ConfigMap, which is in no place before its job is created."""

    target = Target()

    def __init__(self, strategy: S2IClient, home: Path) -> None:
        self.strategy = strategy
        self._home = home

    async def seen(self, bundle: Bundle) -> Mapping[str, bytes]:
        match bundle:
            case Files():
                return {path: text.encode() if isinstance(text, str) else text for path, text in bundle.files.items()}
            case Folder():
                return _files(bundle.path) | {
                    f"files/{p}": raw for p, raw in _files(bundle.path.parent / "work").items()
                }
        raise AssertionError(bundle)

    def named(self) -> set[str]:
        return {str(path) for path in self._home.rglob("*")}


class InImages:
    """Bundles in a registry: a replica has all layers, of which the last wins."""

    target = Target(images={Role.WORKER: BASE}, platforms=("linux/amd64",))

    def __init__(self, strategy: S2IClient, registry: FakeRegistry) -> None:
        self.strategy = strategy
        self._registry = registry

    async def seen(self, bundle: Bundle) -> Mapping[str, bytes]:
        assert isinstance(bundle, Pinned | Mounted)
        image = bundle.images[BASE] if isinstance(bundle, Pinned) else bundle.image
        name, _, digest = image.partition("@")
        place = at(name)
        manifest = json.loads(self._registry.manifests[place.host, place.repository, digest].raw)
        found: dict[str, bytes] = {}
        for layer in manifest["layers"]:
            found |= _unpacked(self._registry.blobs[place.host, place.repository, layer["digest"]])
        return {path.removeprefix(f"{CODE[1:]}/"): raw for path, raw in found.items() if path.startswith(CODE[1:])}

    def named(self) -> set[str]:
        tagged = {f"{host}/{repository}:{tag}" for host, repository, tag in self._registry.tagged}
        return tagged | {f"{host}/{repository}@{digest}" for host, repository, digest in self._registry.manifests}


@pytest.fixture(params=["directory", "configmap", "append", "imagevolume"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> InFolders | InImages:
    home, registry = tmp_path / "home", FakeRegistry()
    settings = Settings(home=home, s2i_registry="registry.example/team")
    await images.put(registry, at(BASE))
    registry.known.clear()
    match request.param:
        case "directory":
            return InFolders(Directory(settings), home)
        case "configmap":
            return InFolders(ConfigMap(settings), home)
        case "append":
            return InImages(Append(settings, registry), registry)
        case _:
            return InImages(ImageVolume(settings, registry), registry)


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _unpacked(blob: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}
