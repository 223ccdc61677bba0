"""Images made on this machine, each when first asked for, kept under a hash of its recipe: one layer, one platform."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import builds, layout
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 20
OCI = "application/vnd.oci.image"
RELEASE = "bookworm"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A name in the registry and the function that fills its root folder."""

    name: str
    fill: Callable[[Path], None]
    entrypoint: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """A hash of what makes the image: this file's functions and the programs that are put in."""
        programs = str(builds.IMAGES.folder.name)
        parts = [inspect.getsource(one) for one in (self.fill, *_PARTS)]
        return hashlib.sha256("\n".join([self.name, *self.entrypoint, programs, *parts]).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where its blobs and its manifest are kept."""
        return layout.cache() / "images" / f"{self.name.replace('/', '-')}-{self.recipe}"

    def build(self, progress: Callable[[str], None]) -> None:
        """Have the image in the cache."""
        if self.folder.exists():
            return
        progress(f"making the image {self.name}")
        unfinished = self.folder.with_name(f"{self.folder.name}.{os.getpid()}")
        root = unfinished / "root"
        root.mkdir(parents=True)
        try:
            self.fill(root)
            _pack(root, unfinished, entrypoint=self.entrypoint)
        except subprocess.CalledProcessError as error:
            raise ClusterError(f"The image {self.name}: {error}\n{(error.stdout or b'').decode()[-2000:]}") from error
        else:
            shutil.rmtree(root)
            unfinished.rename(self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _pause(root: Path) -> None:
    shutil.copy(builds.program("pause"), root / "pause")


def _tiny(root: Path) -> None:
    """No Python, one static program under its many names."""
    (root / "bin").mkdir(exist_ok=True)
    for folder in ("etc", "tmp", "root"):
        (root / folder).mkdir()
    shutil.copy("/bin/busybox", root / "bin/busybox")
    listed = subprocess.run(["/bin/busybox", "--list"], stdout=subprocess.PIPE, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")


def _init(root: Path) -> None:
    """What PyTorchJob's workers wait with. Not busybox's shell: it runs its own nslookup before the one on the PATH."""
    _tiny(root)
    for name, source in (("nslookup", builds.program("nslookup")), ("sh", "/bin/dash")):
        (root / "bin" / name).unlink()
        shutil.copy(source, root / "bin" / name)
    linked = subprocess.run(["ldd", "/bin/dash"], stdout=subprocess.PIPE, text=True, check=True)
    for library in (word for word in linked.stdout.split() if word.startswith("/")):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


def _pytorch(root: Path) -> None:
    """Debian's Python and PyTorch."""
    _debian(root, "python3-torch")


def _debian(root: Path, *packages: str) -> None:
    """A minimal Debian with Python and packages, by the sources that this machine itself uses."""
    targets = _run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages")
    mirrors = [line.split()[0] for line in targets.decode().splitlines() if line.split()[1:] == [RELEASE]]
    if not mirrors:
        raise ClusterError(f"apt knows no source of {RELEASE}: `apt-get update` first, and see /etc/apt/sources.list.")
    _run("debootstrap", "--variant=minbase", "--include=python3,ca-certificates", RELEASE, str(root), mirrors[0])
    for path in ("etc/apt", "usr/share/keyrings"):
        shutil.copytree(f"/{path}", root / path, dirs_exist_ok=True, symlinks=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copy("/etc/hosts", root / "etc/hosts")
    _run("chroot", str(root), "apt-get", "update", "-qq")
    _run("chroot", str(root), "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    for path in ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale", "etc/apt"):
        shutil.rmtree(root / path)
        (root / path).mkdir()
    for path in ("etc/resolv.conf", "etc/hosts"):
        (root / path).write_text("")


def _run(*command: str) -> bytes:
    """In mount and process namespaces of its own, so that whatever it mounts or starts goes with it."""
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        [*apart, *command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=True,
    )  # fmt: skip
    return done.stdout


def _pack(root: Path, target: Path, *, entrypoint: tuple[str, ...]) -> None:
    """The tree as one layer, with its configuration and manifest, each under its digest."""
    command = ["tar", "-C", str(root), "--sort=name", "--numeric-owner", "--mtime=@0", "-c", "."]
    content = hashlib.sha256()
    packed = target / "layer"
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar, gzip.GzipFile(packed, "wb", 1, mtime=0) as layer:
        assert tar.stdout  # noqa: S101 - it is a pipe
        while chunk := tar.stdout.read(CHUNK):
            content.update(chunk)
            layer.write(chunk)
    if tar.returncode:
        raise ClusterError(f"tar of {root} ended with {tar.returncode}.")
    layer_digest = _file_digest(packed)
    size = packed.stat().st_size
    packed.rename(target / layer_digest)
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": [path], "Entrypoint": list(entrypoint)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{content.hexdigest()}"]},
        "history": [{"created_by": "ciao-cluster"}],
    }
    data = json.dumps(config).encode()
    config_digest = hashlib.sha256(data).hexdigest()
    (target / config_digest).write_bytes(data)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", config_digest, len(data)),
        "layers": [_descriptor("layer.v1.tar+gzip", layer_digest, size)],
    }
    (target / "manifest.json").write_text(json.dumps(manifest))


def _descriptor(kind: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": size}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_PARTS = (_tiny, _debian, _pack)

PAUSE = Image(name="pause", fill=_pause, entrypoint=("/pause",))
INIT = Image(name="pytorch-init", fill=_init)
TINY = Image(name="tiny", fill=_tiny)
PYTORCH = Image(name="pytorch", fill=_pytorch)
ALWAYS = (PAUSE, INIT)
ALL = {image.name: image for image in (PAUSE, INIT, TINY, PYTORCH)}
