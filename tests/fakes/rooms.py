"""Fixtures for kernels and command lines on a real cluster: a namespace for each file of tests, and who works in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.frontends import kernelspec
from fakes.kernel import Kernel, launched

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images, Place

__all__ = ["Room", "Shell", "room", "room_images", "room_kernel", "until"]

PATIENCE = 300.0
"""Seconds until a test gives up: the first pull of an image is among what is waited for."""

OURS = "pods,configmaps,services,pytorchjobs,trainjobs,jaxjobs,tfjobs,xgboostjobs,paddlejobs,mpijobs,jobsets,jobs"


@dataclass(frozen=True, kw_only=True)
class Shell:
    """What a command line wrote."""

    code: int
    out: str
    errors: str


@dataclass(kw_only=True)
class Room:
    """A namespace, and the environment of whoever works in it. ``home`` is its first ``$CIAO_HOME``."""

    kubectl: Kubectl
    environment: Mapping[str, str]
    folder: Path
    kernels: list[Kernel] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def elsewhere(self) -> Path:
        """Another ``$CIAO_HOME``, as another machine has it; empty at first."""
        return self.folder / f"elsewhere-{os.urandom(2).hex()}"

    def launch(self, home: Path | None = None, **more: str) -> Kernel:
        """A kernel; it ends with the file's tests."""
        environment = {**self.environment, **more}
        self.kernels.append(launched(home or self.home, environment=environment, patience=PATIENCE))
        return self.kernels[-1]

    def start(self, *words: str, home: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """``ciao ...`` in a shell, with ``more`` in its environment."""
        environment = {**os.environ, **self.environment, "CIAO_HOME": str(home or self.home), **more}
        command = [sys.executable, "-m", "ciao", *words]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder
        )

    def ciao(self, *words: str, home: Path | None = None, **more: str) -> Shell:
        """The same, to its end."""
        with self.start(*words, home=home, **more) as process:
            out, errors = process.communicate(timeout=PATIENCE)
        return Shell(code=process.returncode, out=out, errors=errors)

    def left(self) -> list[str]:
        """All that is in the namespace, but for what every namespace has."""
        found = self.kubectl("get", OURS, "-o=name").split()
        return [name for name in found if name != "configmap/kube-root-ca.crt"]

    def pods(self) -> list[str]:
        """Names of all pods that there are."""
        return self.kubectl.names("pods")

    def close(self) -> None:
        for kernel in self.kernels:
            kernel.close()


def until(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    """Look until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    """By framework, the base image of cells that name none; a file of tests may have others."""
    return {"pytorch": "python", "jax": "python"}


@pytest.fixture(scope="module")
def room(
    place: Place, image: Images, room_images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    """Of the tests of one file."""
    from cluster.kubectl import Kubectl

    kernelspec.install(user=True)  # in the tests' own folder, which they remove as a whole
    kubectl = Kubectl(kubeconfig=place.kubeconfig, namespace=f"room-{os.urandom(3).hex()}")
    kubectl.make_namespace()
    images = {f"CIAO_IMAGES_{name.upper()}": image(which) for name, which in room_images.items()}
    environment = {
        "KUBECONFIG": str(place.kubeconfig),
        "CIAO_NAMESPACE": kubectl.namespace,
        "CIAO_GRACE": "1",
        **images,
    }
    room = Room(kubectl=kubectl, environment=environment, folder=tmp_path_factory.mktemp("room"))
    yield room
    room.close()
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false")


@pytest.fixture(scope="module")
def room_kernel(room: Room) -> Kernel:
    """A kernel that the tests of one file share."""
    return room.launch()
