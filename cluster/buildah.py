"""Buildah with a storage of its own, which ends with the block: this machine's is neither seen nor changed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import commands, debian, docker

Progress = Callable[[str], None]
VERSION_OF_USE = "1"
"""Raised when images are to be built in another way: those in the cache are then made anew."""


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Where it keeps its images while it works."""

    folder: Path

    def pull(self, source: str, progress: Progress) -> str:
        """Take an image in; its id."""
        return self._told(["pull", "--quiet", source], what=f"taking in {source}", progress=progress)

    def build(
        self, context: Path, arguments: Mapping[str, str], *, made: int, network: bool, progress: Progress
    ) -> str:
        """By the Dockerfile there; its id. In Docker's format, because OCI's has no place for a health check."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        apart = ["--isolation=chroot", "--pull-never", "--identity-label=false"]
        form = ["--format=docker", f"--timestamp={made}", f"--iidfile={self.folder / 'id'}"]
        command = ["build", *apart, *form, *given, str(context)]
        alone = [] if network else ["unshare", "--net", "--"]
        self._run([*alone, *self._buildah, *command], what="building the image", progress=progress)
        return (self.folder / "id").read_text().strip()

    def push(self, image: str, target: str, progress: Progress, more: Sequence[str] = ()) -> None:
        """To a folder, an archive or a registry, as the target's first word says."""
        self._told(["push", *more, image, target], what=f"writing {target}", progress=progress)

    @property
    def _buildah(self) -> list[str]:
        places = ["--root", str(self.folder / "graph"), "--runroot", str(self.folder / "run")]
        return ["buildah", *places, "--storage-driver=overlay"]

    def _told(self, words: Sequence[str], *, what: str, progress: Progress) -> str:
        lines: list[str] = []
        self._run([*self._buildah, *words], what=what, progress=progress, take=lines.append)
        return lines[-1].strip() if lines else ""

    @staticmethod
    def _run(
        command: Sequence[str], *, what: str, progress: Progress, take: Callable[[str], None] = lambda _line: None
    ) -> None:
        commands.run(command, what=what, progress=progress, take=take)


@contextlib.contextmanager
def storage(beside: Path) -> Iterator[Builder]:
    """On the disk of that folder.

    Raises:
        ClusterError: Buildah is missing and cannot be installed.
    """
    if not shutil.which("buildah"):
        debian.install(print, ("buildah",))
    folder = Path(tempfile.mkdtemp(prefix="buildah-", dir=beside))
    try:
        yield Builder(folder=folder)
    finally:
        docker.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
