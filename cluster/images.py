"""Images made on this machine, each when first asked for, and kept: layers of `cluster.layers`, one platform."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster import layers, layout, locks
from cluster.builder_recipes import Built, Linked, User
from cluster.layers import Layer, Packed
from cluster.recipes import Busybox, Dash, Debian, Packages, Programs, Texts, Wheels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OCI = "application/vnd.oci.image"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A name in the registry, the layers in it, and what it does when nothing else is said."""

    name: str
    layer: Layer
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its manifest is kept, with all that it names, each under its digest."""
        says = repr((self.entrypoint, self.command, self.layer.hash))
        return layout.cache() / "images" / f"{self.name}-{hashlib.sha256(says.encode()).hexdigest()[:16]}"

    def build(self, progress: Callable[[str], None]) -> None:
        """Have the image in the cache.

        Raises:
            ClusterError: a layer could not be made.
        """
        if not self.folder.exists():
            self.layer.build(progress)
            lock = self.folder.with_name(f"{self.name}.lock")
            with locks.held(lock, what=f"making the image {self.name}", progress=progress):
                if not self.folder.exists():
                    self._build()
        layers.used(self.folder)

    def _build(self) -> None:
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        packed = [layer.packed() for layer in self.layer.stack()]
        for one in packed:
            os.link(one.file, unfinished / one.digest)
        config = json.dumps(self._config(packed)).encode()
        digest = hashlib.sha256(config).hexdigest()
        (unfinished / digest).write_bytes(config)
        manifest = _manifest(_descriptor("config.v1+json", digest, len(config)), packed)
        (unfinished / "manifest.json").write_text(json.dumps(manifest))
        unfinished.rename(self.folder)

    def _config(self, packed: list[Packed]) -> dict[str, object]:
        return {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [PATH], "Entrypoint": list(self.entrypoint), "Cmd": list(self.command)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{one.content}" for one in packed]},
            "history": [{"created_by": "ciao-cluster"} for _ in packed],
        }


def _manifest(config: dict[str, object], packed: list[Packed]) -> dict[str, object]:
    found = [_descriptor("layer.v1.tar+gzip", one.digest, one.file.stat().st_size) for one in packed]
    return {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": found}


def _descriptor(kind: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": size}


def _wheels(name: str, *requirements: str, without: tuple[str, ...] = (), below: Layer | None = None) -> Image:
    """An image of Debian's Python with packages from PyPI."""
    recipe = Wheels(requirements=requirements, python="3.11", glibc=36, without=without)
    return Image(name=name, layer=Layer(name=name, recipe=recipe, below=below or DEBIAN))


DEBIAN = Layer(name="debian", recipe=Debian(release="bookworm", packages=("python3", "ca-certificates")))
BUSYBOX = Layer(name="busybox", recipe=Busybox())
WITHOUT_SHELL = Layer(name="busybox-without-shell", recipe=Busybox(without=("sh", "nslookup")))
DASH = Layer(name="dash", recipe=Dash(), below=WITHOUT_SHELL)

PAUSE = Image(name="pause", layer=Layer(name="pause", recipe=Programs(paths=("/pause",))), entrypoint=("/pause",))
INIT = Image(name="pytorch-init", layer=Layer(name="nslookup", recipe=Programs(paths=("/bin/nslookup",)), below=DASH))
"""What PyTorchJob's workers wait for their master with."""
HOSTS = "$(sed 's, .*,,;s,^,pod/,' /etc/mpi/hostfile)"
KUBECTL_DELIVERY = Image(
    name="kubectl-delivery",
    layer=Layer(name="kubectl", recipe=Programs(paths=("/bin/kubectl",)), below=BUSYBOX),
    entrypoint=("/bin/sh", "-c"),
    command=(f"kubectl wait --for=condition=Ready --timeout=1h {HOSTS} && cp /bin/kubectl /opt/kube/kubectl",),
)
"""Where MPIJob's launcher gets kubectl from, by which it reaches its workers. It waits for them, as the public one
does: an mpirun that begins before they run ends with an error.
"""
TINY = Image(name="tiny", layer=BUSYBOX)
PYTHON = Image(name="python", layer=DEBIAN)
PYTORCH = Image(name="pytorch", layer=Layer(name="pytorch", recipe=Packages(names=("python3-torch",)), below=DEBIAN))
JAX = _wheels("jax", "jax==0.10.2")
TENSORFLOW = _wheels("tensorflow", "tensorflow-cpu==2.21.0", without=("tensorflow/include",))
XGBOOST = _wheels("xgboost", "xgboost-cpu==3.2.0")
OPENMP = Layer(name="openmp", recipe=Packages(names=("libgomp1",)), below=DEBIAN)
PADDLE = _wheels("paddle", "paddlepaddle==3.3.1", "setuptools==80.9.0", without=("paddle/include",), below=OPENMP)
OPENMPI = Image(
    name="openmpi",
    layer=Layer(
        name="openmpi",
        recipe=Packages(names=("openmpi-bin", "python3-mpi4py", "openssh-client", "openssh-server"), user="mpi"),
        below=DEBIAN,
    ),
)
MAPS = Linked(paths=("/usr/sbin/runc",), capable=(("/usr/bin/newuidmap", "setuid"), ("/usr/bin/newgidmap", "setgid")))
BUILDKIT = Image(
    name="buildkit",
    layer=Layer(
        name="buildkit",
        recipe=Built(paths=("/usr/bin/buildkitd", "/usr/bin/buildctl", "/usr/bin/rootlesskit")),
        below=Layer(name="runc", recipe=MAPS, below=Layer(name="user", recipe=User(name="user"), below=BUSYBOX)),
    ),
    entrypoint=("rootlesskit", "buildkitd"),
)
"""BuildKit without root, with all that the public image `moby/buildkit:*-rootless` has and a build needs."""
KANIKO = Image(
    name="kaniko",
    layer=Layer(
        name="kaniko",
        recipe=Built(paths=("/kaniko/executor",)),
        below=Layer(name="root", recipe=Texts(files=(("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),))),
    ),
    entrypoint=("/kaniko/executor",),
)
"""Nothing but itself, as in the public one: no shell."""
TEKTON = Image(
    name="tekton", layer=Layer(name="tekton", recipe=Built(paths=("/ko-app/entrypoint", "/ko-app/nop")), below=BUSYBOX)
)
"""What Tekton puts beside the steps of a task, in one image instead of three."""
ALWAYS = (PAUSE, INIT, KUBECTL_DELIVERY)
ALL = {
    image.name: image
    for image in (*ALWAYS, TINY, PYTHON, PYTORCH, JAX, TENSORFLOW, XGBOOST, PADDLE, OPENMPI, BUILDKIT, KANIKO)
}
