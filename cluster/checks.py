"""Plain checks before anything is made: each gives one clear line."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from cluster import layout
from cluster.errors import ClusterError

DISK = 15 * 1024**3
"""Bytes that a first start may need: the Go caches, the binaries, a base image in four places."""


def why_not() -> str | None:
    """The reason why no cluster can start here, or None."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid():
        return "needs root: namespaces, mounts and cgroups are made"
    if not any(" cgroup" in line for line in Path("/proc/mounts").read_text().splitlines()):
        return "needs cgroups mounted under /sys/fs/cgroup"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        return "needs to write under /sys/fs/cgroup, which is read-only here"
    missing = [tool for tool in ("apt-get", "go", "unshare") if not shutil.which(tool)]
    if missing:
        return f"needs {', '.join(missing)} on the PATH"
    return _disk()


def _disk() -> str | None:
    folder = layout.cache()
    binaries = folder / "binaries"
    if binaries.exists() and any(binaries.iterdir()):
        return None  # the large part is there already
    while not folder.exists():
        folder = folder.parent
    space = shutil.disk_usage(folder).free
    return None if space >= DISK else f"needs {DISK // 1024**3} GiB of disk under {folder}, {space // 1024**3} are free"


def require() -> None:
    """Raises ClusterError if no cluster can start here."""
    if reason := why_not():
        raise ClusterError(f"A cluster {reason}.")
