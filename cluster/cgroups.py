"""The folder of a cluster in every cgroup hierarchy: its pods are in it, so what they leave is known by its name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import readiness
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROLLERS = "+cpu +cpuset +io +memory +pids"
"""What cgroup v2 must hand down for the kubelet."""
WEIGHTS = {"cpu.shares": "8192", "cpu.weight": "800"}
"""A part of a busy machine's processor as of eight processes: else all pods together had that of one."""


def make(name: str) -> None:
    """Make it everywhere; a new cpuset is empty, and nothing could run in it. A name may be a path into another.

    Raises:
        ClusterError: it cannot be made, as in a container whose own processes are in the root of cgroup v2.
    """
    for kind, root in _hierarchies():
        try:
            _make(kind, root, root / name)
        except OSError as error:
            words = f"The cgroup {root / name} cannot be made: {error.strerror} ({error.filename})."
            raise ClusterError(
                f"{words} Start it on the machine itself, or in a container with cgroups of its own."
            ) from error


def _make(kind: str, root: Path, folder: Path) -> None:
    if kind == "cgroup2" and root == Path("/sys/fs/cgroup"):
        (folder.parent / "cgroup.subtree_control").write_text(CONTROLLERS)
    folder.mkdir(exist_ok=True)
    for file in ("cpuset.mems", "cpuset.cpus"):
        if kind == "cgroup" and (folder / file).exists():
            (folder / file).write_text((root / file).read_text())
    for file, weight in WEIGHTS.items():
        if (folder / file).exists():
            (folder / file).write_text(weight)


def remove(name: str) -> None:
    """Remove it, from the leaves up. A killed process leaves its cgroup a moment after its death."""
    for _, root in _hierarchies():
        folder = root / name
        readiness.until(lambda folder=folder: _removed(folder), what=f"Removing {folder}")  # type: ignore[misc] # a lambda's default


def left(name: str) -> list[Path]:
    """Where it still is."""
    return [root / name for _, root in _hierarchies() if (root / name).exists()]


def processes(name: str) -> set[int]:
    """All that run in it, by the host's ids."""
    found: set[int] = set()
    for _, root in _hierarchies():
        for file in (root / name).rglob("cgroup.procs"):
            with contextlib.suppress(OSError):  # a pod that ends takes its folder away
                found.update(map(int, file.read_text().split()))
    return found


def _removed(folder: Path) -> bool:
    if folder.exists():
        for inner in sorted((one for one in folder.rglob("*") if one.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                inner.rmdir()
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not folder.exists()


def _hierarchies() -> Iterator[tuple[str, Path]]:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"} and place.startswith("/sys/fs/cgroup"):
            yield kind, Path(place)
