"""A tree of files that becomes a layer: only what differs from the layer below, which it is changed on top of."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

CHUNK = 1 << 20
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What is mounted or started in these namespaces goes with the command that they are made for."""
OF_THE_HOST = ("/etc/apt", "/usr/share/keyrings", "/etc/resolv.conf", "/etc/hosts")
"""Lent to commands inside, so that a package is found as this machine finds it; not one of them gets into a layer."""
IN_MEMORY = ("/var/lib/apt/lists", "/var/cache/apt", "/var/log", "/tmp", "/run")  # noqa: S108 - paths inside
INSIDE = """set -e
mount -t overlay overlay -o lowerdir=below,upperdir=root,workdir=work merged
for path in $MEMORY; do [ ! -d "merged$path" ] || mount -t tmpfs -o mode=1777 tmpfs "merged$path"; done
for path in $LENT; do [ ! -e "merged$path" ] || mount --bind "$path" "merged$path"; done
exec chroot merged "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder of its own, and the packed layers that it is put on, the lowest first."""

    folder: Path
    below: tuple[Path, ...] = ()

    @property
    def root(self) -> Path:
        """All that goes into the layer."""
        return self.folder / "root"

    def make(self) -> None:
        """Start empty."""
        for name in ("root", "work", "merged", "temporary"):
            (self.folder / name).mkdir(parents=True)

    def run(self, *command: str) -> None:
        """A command that sees this tree, on top of what is below, as `/`; what it writes there is in `root`."""
        if not (self.folder / "below").exists():
            (self.folder / "below").mkdir()
            for packed in self.below:
                run("tar", "-C", str(self.folder / "below"), "--numeric-owner", "-xzf", str(packed))
        lent = {"MEMORY": " ".join(IN_MEMORY), "LENT": " ".join(path for path in OF_THE_HOST if Path(path).exists())}
        run(*APART, "sh", "-c", INSIDE, "sh", *command, folder=self.folder, variables=lent)

    def pack(self, target: Path) -> str:
        """The layer as a compressed tar; returns the digest of what is in it. Times stay: bytecode names its source's.

        Raises:
            ClusterError: tar failed.
        """
        _mark_removed(self.root)
        command = ("tar", "-C", str(self.root), "--numeric-owner", *_attributes(self.root), "-c", ".")
        content = hashlib.sha256()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as tar, gzip.GzipFile(target, "wb", 1, mtime=0) as layer:
            assert tar.stdout  # noqa: S101 - it is a pipe
            while chunk := tar.stdout.read(CHUNK):
                content.update(chunk)
                layer.write(chunk)
        if tar.returncode:
            raise ClusterError(f"tar of {self.root} ended with {tar.returncode}.")
        return content.hexdigest()


def run(*command: str, folder: Path | None = None, variables: Mapping[str, str] | None = None) -> str:
    """One command; its output.

    Raises:
        ClusterError: it failed; with the end of what it said.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"} | dict(variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        shown = " ".join(word for word in command if word not in {*APART, INSIDE})
        raise ClusterError(f"`{shown}` ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def _attributes(root: Path) -> tuple[str, ...]:
    """Rights of programs are attributes, which tar keeps only in the format that has a place for them."""
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    has = any("security.capability" in os.listxattr(path, follow_symlinks=False) for path in files)
    return ("--xattrs", "--xattrs-include=security.capability") if has else ()


def _mark_removed(root: Path) -> None:
    """What a command removed from below is a device 0:0 in an overlay, and an empty file `.wh.NAME` in a layer."""
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            status = path.lstat()
            if stat.S_ISCHR(status.st_mode) and not status.st_rdev:
                path.unlink()
                path.with_name(f".wh.{path.name}").touch()
