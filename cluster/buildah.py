"""Buildah with storages of our own: this machine's is neither seen nor changed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import commands, debian, docker, layers

Progress = Callable[[str], None]
VERSION_OF_USE = "4"
"""Raised when images are to be built in another way: those in the cache are then made anew."""


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Where it keeps its images."""

    folder: Path

    def pull(self, source: str, progress: Progress) -> str:
        """Take an image in; its id."""
        return self._told(["pull", "--quiet", source], what=f"taking in {source}", progress=progress)[-1].strip()

    def count(self) -> int:
        """Images that it has, those between the steps too."""
        return len(self._told(["images", "--all", "--quiet"], what="counting images", progress=lambda _line: None))

    def build(
        self, context: Path, arguments: Mapping[str, str], *, made: int, network: bool, progress: Progress
    ) -> str:
        """By the Dockerfile there; its id. In OCI's format: in Docker's, Buildah takes up none of its former steps."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        apart = ["--isolation=chroot", "--layers", "--pull-never", "--identity-label=false"]
        form = ["--format=oci", f"--timestamp={made}", f"--iidfile={self.folder / 'id'}"]
        command = ["build", *apart, *form, *given, str(context)]
        alone = [] if network else ["unshare", "--net", "--"]
        commands.run([*alone, *self._buildah, *command], what="building the image", progress=progress)
        return (self.folder / "id").read_text().strip()

    def push(self, image: str, target: str, progress: Progress, more: Sequence[str] = ()) -> None:
        """To a folder, an archive or a registry, as the target's first word says."""
        self._told(["push", *more, image, target], what=f"writing {target}", progress=progress)

    @property
    def _buildah(self) -> list[str]:
        places = ["--root", str(self.folder / "graph"), "--runroot", str(self.folder / "run")]
        return ["buildah", *places, "--storage-driver=overlay"]

    def _told(self, words: Sequence[str], *, what: str, progress: Progress) -> list[str]:
        lines: list[str] = []
        commands.run([*self._buildah, *words], what=what, progress=progress, take=lines.append)
        return lines


@contextlib.contextmanager
def storage(beside: Path) -> Iterator[Builder]:
    """One on the disk of that folder, which ends with the block.

    Raises:
        ClusterError: Buildah is missing and cannot be installed.
    """
    with tempfile.TemporaryDirectory(prefix="buildah-", dir=beside) as made, kept(Path(made)) as builder:
        yield builder


@contextlib.contextmanager
def kept(folder: Path, *, most: int = 0) -> Iterator[Builder]:
    """One that stays: steps whose files are as they were need not be made again. For one process at a time.

    With more images than ``most`` it begins anew, and so it does after a block that failed.

    Raises:
        ClusterError: Buildah is missing and cannot be installed.
    """
    if not shutil.which("buildah"):
        debian.install(print, ("buildah",))
    one = Builder(folder=folder)
    if most and folder.exists() and one.count() > most:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield one
    except BaseException:
        docker.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    docker.unmount(folder)
    if most:
        layers.used(folder)
