"""Real builders, with storage, daemons and sockets in folders of the tests' own.

Buildah, Podman and Docker are Debian's, the last one unpacked and never installed; the others are built from their Go
modules. The base image is busybox, so that a build is nothing but what is tested.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ciao.model import Cell, Job, JobSpec, Notice, Packing, Pinned, Role, RoleSpec, Target
from ciao.s2i.bases import resolve
from ciao.s2i.command.strategy import Command
from ciao.s2i.registry.client import Client
from ciao.settings import Settings

if TYPE_CHECKING:
    from registries import Local, Registries

TOOLS = ("buildah", "podman", "docker", "buildkit", "kaniko", "s2i")
NEEDED = ("buildah", "podman", "docker-registry", "nginx", "containerd", "runc", "busybox", "go", "unshare", "apt-get")
ASKED = ("CIAO_TEST_BUILDERS", "CI", "CIAO_TEST_NO_SKIP")


def why_not() -> str:
    """One reason for all of them."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "builders need root on Linux: they mount"
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"builders need {', '.join(missing)}"
    if not any(os.environ.get(name) for name in ASKED):
        return "builders take minutes the first time: CIAO_TEST_BUILDERS=1 runs them, and so does CI"
    return ""


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    if reason := why_not():
        pytest.skip(reason)


class InImage(NamedTuple):
    """A file of an image."""

    content: bytes
    owner: int
    mode: int

    @classmethod
    def of(cls, tar: tarfile.TarFile, member: tarfile.TarInfo) -> InImage:
        file = tar.extractfile(member) if member.isfile() else None
        return cls(content=file.read() if file else b"", owner=member.uid, mode=member.mode & 0o7777)


@dataclass(kw_only=True)
class Bench:
    """One tool, one registry, one notebook's folder, and what was told."""

    tool: str
    base: str
    environ: Mapping[str, str]
    notebook: Path
    settings: Settings
    client: Client
    told: list[Packing | Notice] = field(default_factory=list)
    hears: Callable[[Packing | Notice], None] = lambda _: None

    @property
    def scratch(self) -> list[str]:
        """What is left of the folders of builds."""
        return [path.name for path in Path(self.environ["TMPDIR"]).iterdir()]

    def spec(self, code: str = "print('built')\n", **more: Any) -> JobSpec:
        cell = Cell(text=code, number=3, notebook=str(self.notebook / "train.ipynb"))
        roles = (RoleSpec(role=Role.WORKER, count=1),)
        return JobSpec(cell=cell, code=code, framework="pytorch", roles=roles, s2i=self.tool, **more)

    async def build(self, spec: JobSpec, *, base: str = "") -> Pinned:
        target = Target(images={Role.WORKER: base or self.base})
        job = Job.named(spec, backend="kubeflow", now=0)
        return await Command(self.tool, self.settings, self.client, environ=self.environ).build(
            spec, job, target, self._tell
        )

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.notebook / name).write_text(text)

    async def files(self, image: str) -> Mapping[str, InImage]:
        """What the layers on top of each other have, by path."""
        (made,) = await resolve(self.client, image)
        found: dict[str, InImage] = {}
        for layer in made.blobs:
            async with contextlib.aclosing(self.client.stream(made.reference, layer.digest)) as pieces:
                content = b"".join([piece async for piece in pieces])
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                found |= {one.name.lstrip("./"): InImage.of(tar, one) for one in tar if not one.isdir()}
        return found

    async def with_python(self, program: str) -> str:
        """The base with a program of this name, and with a user who is not root; its name."""
        from ciao.s2i.layer import Entry
        from ciao.s2i.layers import pack
        from ciao.s2i.oci import appended
        from ciao.s2i.pushing import push
        from ciao.s2i.registry.names import parse

        (below,) = await resolve(self.client, self.base)
        runs = {**below.config, "config": {**below.config["config"], "User": "1234"}}
        layer = pack([Entry(path="bin/python3", source=program.encode(), executable=True)])
        image = appended(replace(below, config=runs), [layer], about={})
        into = replace(parse(self.base), tag="with-python")
        await push(image, registry=self.client, into=into, tell=lambda _: None)
        return str(into)

    def mounts(self) -> list[str]:
        """What of a build is still mounted."""
        lines = Path("/proc/mounts").read_text().splitlines()
        return [line for line in lines if self.environ["TMPDIR"] in line or "working-container" in line]

    def left(self) -> list[str]:
        """Containers of builds, and images by name, that the tool still has."""
        listing: dict[str, Sequence[Sequence[str]]] = {
            "buildah": (["buildah", "containers", "-q"], ["buildah", "images", "--format", "{{.Name}}"]),
            "podman": (["podman", "ps", "-aq", "--external"], ["podman", "images", "--format", "{{.Repository}}"]),
            "docker": (["docker", "ps", "-aq"], ["docker", "images", "--format", "{{.Repository}}"]),
        }
        calls = listing.get("docker" if self.tool == "s2i" else self.tool, ())
        lines = [line for call in calls for line in self.calls(*call).split()]
        return [
            line for line in lines if not line.endswith("tiny") and line not in ("<none>", "localhost/ciao/dockerfile")
        ]

    def calls(self, *call: str) -> str:
        """What a call of the tool by hand says."""
        path = shutil.which(call[0], path=self.environ["PATH"])
        assert path
        return subprocess.run([path, *call[1:]], env=self.environ, capture_output=True, text=True, check=True).stdout

    def _tell(self, news: Packing | Notice) -> None:
        self.told.append(news)
        self.hears(news)


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> tuple[Path, ...]:
    """The folders of all that is not Debian's own, built when the first test asks."""
    from cluster import builds, docker
    from clusters import _aloud

    progress = _aloud(request.config)
    wanted = (builds.BUILDKIT, builds.KANIKO, builds.S2I, builds.CRANE)
    for one in wanted:
        builds.require(one, progress)
    return (docker.unpacked(progress), *(one.folder for one in wanted))


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Buildah's and Podman's, apart from that of this machine."""
    from cluster import docker

    folder = tmp_path_factory.mktemp("storage")
    text = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(text)
    yield folder / "storage.conf"
    docker.unmount(folder)


@pytest.fixture(scope="session")
def dockerd(programs: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from cluster import docker

    with docker.running(programs[0], tmp_path_factory.mktemp("docker")) as address:
        yield address


@pytest.fixture(scope="session")
def buildkitd(programs: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from cluster import buildkit

    with buildkit.running(tmp_path_factory.mktemp("buildkit")) as address:
        yield address


@pytest.fixture(scope="session")
def tiny(registries: Registries) -> str:
    """The base image, in the open registry."""
    from cluster import images, registry

    images.TINY.build(print)
    return registry.push_to(registries.open().address, images.TINY)


@pytest.fixture
async def benches(
    request: pytest.FixtureRequest,
    programs: tuple[Path, ...],
    storage: Path,
    registries: Registries,
    tiny: str,
    tmp_path: Path,
) -> AsyncIterator[Callable[..., Bench]]:
    """``benches("buildah")`` is one on the open registry; its daemon, if it has one, is started."""
    async with contextlib.AsyncExitStack() as stack:

        def make(tool: str, registry: Local | None = None, **more: Any) -> Bench:
            for name in ("notebook", "scratch", "home"):
                (tmp_path / name).mkdir(exist_ok=True)
            daemons = {"docker": "dockerd", "s2i": "dockerd", "buildkit": "buildkitd"}
            address = {"dockerd": "DOCKER_HOST", "buildkitd": "BUILDKIT_HOST"}
            daemon = daemons.get(tool)
            environ = {
                "PATH": ":".join(map(str, (*programs, os.environ["PATH"]))),
                "HOME": str(tmp_path / "home"),
                "TMPDIR": str(tmp_path / "scratch"),
                "CONTAINERS_STORAGE_CONF": str(storage),
                "BUILDAH_ISOLATION": "chroot",
                **({address[daemon]: request.getfixturevalue(daemon)} if daemon else {}),
            }
            settings = (registry or registries.open()).settings(home=tmp_path / "home", **more)
            client = Client(settings, environ=environ)
            stack.push_async_callback(client.close)
            return Bench(
                tool=tool, base=tiny, environ=environ, notebook=tmp_path / "notebook", settings=settings, client=client
            )

        yield make
