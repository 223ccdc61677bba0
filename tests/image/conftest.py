"""The gateway's image, built once for the same sources, its files, and containers of it by Podman without a network."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

NEEDED = ("buildah", "podman", "runc", "debootstrap", "unshare", "apt-get")
ASKED = ("CIAO_TEST_BUILDERS", "CI", "CIAO_TEST_NO_SKIP")
PATIENCE = 240.0
"""Seconds for a command of Podman, and for a container to become healthy; that takes three."""


def why_not() -> str:
    """One reason for all of them."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "the gateway's image is built as root on Linux"
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"the gateway's image needs {', '.join(missing)}"
    if not any(os.environ.get(name) for name in ASKED):
        return "the gateway's image takes minutes the first time: CIAO_TEST_BUILDERS=1 builds it, and so does CI"
    return ""


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def image(machine: None, request: pytest.FixtureRequest) -> Path:
    """The folder with its manifest and parts."""
    from cluster.gateway import GATEWAY
    from clusters import _aloud

    return GATEWAY.build(_aloud(request.config)).folder


@pytest.fixture(scope="session")
def files(image: Path) -> Mapping[str, tarfile.TarInfo]:
    """Of all layers together, each by its path, as a container sees them."""
    from cluster import image_folder

    found: dict[str, tarfile.TarInfo] = {}
    for layer in image_folder.layers(image):
        with tarfile.open(layer) as tar:
            for member in tar:
                path = PurePosixPath("/", member.name)
                if path.name.startswith(image_folder.REMOVED):
                    gone = str(path.with_name(path.name.removeprefix(image_folder.REMOVED)))
                    found = {one: kept for one, kept in found.items() if one != gone and not one.startswith(f"{gone}/")}
                else:
                    found[str(path)] = member
    return found


@dataclass(frozen=True, kw_only=True)
class Podman:
    """Its own storage, and what it needs to run where there is no systemd, and as root of a container."""

    storage: Path
    image: str = ""

    def __call__(self, *words: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.storage), "DISABLE_HC_SYSTEMD": "true"}
        done = subprocess.run(
            ["podman", *words], env=environ, input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def run(self, *words: str, user: str = "", options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """As a cluster with the strictest rules runs it: nothing to write to but the volumes, no rights, no network."""
        limits = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")  # Podman's own are more than root may here
        bound = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
        who = (f"--user={user}",) if user else ()
        return self("run", *limits, *bound, "--network=none", *who, *options, self.image, *words, check=False)

    @contextlib.contextmanager
    def serving(self, *words: str, user: str = "") -> Iterator[Container]:
        started = self.run(*words, user=user, options=("--detach",))
        assert started.returncode == 0, started.stderr
        one = Container(podman=self, id=started.stdout.strip())
        try:
            one.wait()
            yield one
        finally:
            self("rm", "--force", "--volumes", one.id, check=False)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A gateway that runs."""

    podman: Podman
    id: str

    def wait(self) -> None:
        """Until its own health check says so."""
        end = time.monotonic() + PATIENCE
        while (found := self.podman("healthcheck", "run", self.id, check=False)).returncode:
            state = self.podman("inspect", "--format={{.State.Status}}", self.id).stdout.strip()
            assert state == "running", self.said()
            assert time.monotonic() < end, found.stderr + self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """All that it wrote."""
        logs = self.podman("logs", self.id)
        return logs.stdout + logs.stderr

    def python(self, text: str, *words: str) -> str:
        """What a program says that is run beside it."""
        return self.podman("exec", "--interactive", self.id, "python", "-", *words, stdin=text).stdout

    def ended(self) -> int:
        """Asked to stop; its exit code."""
        self.podman("stop", "--time=120", self.id)
        return int(self.podman("inspect", "--format={{.State.ExitCode}}", self.id).stdout)


@pytest.fixture(scope="session")
def podman(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    from cluster import docker

    folder = tmp_path_factory.mktemp("podman")
    text = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(text)
    empty = Podman(storage=folder / "storage.conf")
    known = empty("pull", "--quiet", f"dir:{image}").stdout.strip()
    yield Podman(storage=empty.storage, image=known)
    docker.unmount(folder)


@pytest.fixture(scope="session")
def config(image: Path) -> Mapping[str, object]:
    """What a container is started with when nothing else is said."""
    from cluster import image_folder

    found = image_folder.config(image)["config"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="session")
def bill(image: Path) -> Mapping[str, list[dict[str, str]]]:
    """The SBOM in it."""
    from cluster import image_folder

    found = json.loads(image_folder.read(image, "usr/share/doc/ciao/sbom.json"))
    assert isinstance(found, dict)
    return found
