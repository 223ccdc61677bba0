"""Plain checks before anything is made: each gives one clear line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from cluster import layout
from cluster.errors import ClusterError

MOUNTS = Path("/proc/mounts")
RELEASE = Path("/etc/os-release")
CONTROLLERS = frozenset({"cpu", "cpuset", "memory", "pids"})
"""The kubelet starts without none of them."""
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true")
COLD = 15 * 1024**3
"""Bytes that a first start may need: the Go caches, the binaries, a base image in four places."""
WARM = 3 * 1024**3
"""Bytes for a start whose programs are there."""


def why_not() -> str | None:
    """The reason why no cluster can start here, or None."""
    for check in (_system, _cgroups, _programs, _namespaces, _disk):
        if reason := check():
            return reason
    return None


def require() -> None:
    """Raises ClusterError if no cluster can start here."""
    if reason := why_not():
        raise ClusterError(f"A cluster {reason}.")


def _system() -> str | None:
    if not sys.platform.startswith("linux"):
        return f"needs Linux, and this is {sys.platform}"
    lines = RELEASE.read_text().splitlines() if RELEASE.exists() else []
    named = dict(shlex.split(line)[0].split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    if (named.get("ID"), named.get("VERSION_CODENAME")) != ("debian", "bookworm"):
        found = named.get("PRETTY_NAME", "not known")
        return f"needs Debian 12 (bookworm), whose packages it is made of, and this system is {found}"
    if os.geteuid():
        return "needs root: namespaces, mounts and cgroups are made"
    return None


def _cgroups() -> str | None:
    """Version 1 has a mount for every few controllers, version 2 one for all; systemd has both."""
    mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    found = [one for one in mounts if one[2] in {"cgroup", "cgroup2"} and one[1].startswith("/sys/fs/cgroup")]
    if not found:
        return "needs cgroups, and none are mounted under /sys/fs/cgroup"
    present: set[str] = set()
    for _, place, kind, options, *_ in found:
        handed = Path(place) / "cgroup.controllers"
        names = handed.read_text().split() if kind == "cgroup2" and handed.exists() else options.split(",")
        if not CONTROLLERS & set(names):
            continue  # such as systemd's own, which may well be read-only
        if "ro" in options.split(",") or not os.access(place, os.W_OK):
            return f"needs to write under {place}, which is read-only here: start a container with --privileged"
        present.update(names)
    if missing := sorted(CONTROLLERS - present):
        return (
            f"needs the cgroup controllers {', '.join(sorted(CONTROLLERS))}; {', '.join(missing)} cannot be used here"
        )
    return None


def _programs() -> str | None:
    missing = [tool for tool in ("apt-get", "go", "unshare") if not shutil.which(tool)]
    if missing == ["go"]:
        return "needs Go to build Kubernetes, and there is no `go` on the PATH"
    return f"needs {', '.join(missing)} on the PATH" if missing else None


def _namespaces() -> str | None:
    """Root in a container may not be allowed to make them."""
    done = subprocess.run(NAMESPACES, capture_output=True, text=True, check=False)
    return (
        f"needs namespaces of its own, which root may not make here: {done.stderr.strip()}" if done.returncode else None
    )


def _disk() -> str | None:
    """The large part is there already if the programs are."""
    folder = layout.cache()
    binaries = folder / "binaries"
    wanted = WARM if binaries.exists() and any(binaries.iterdir()) else COLD
    while not folder.exists():
        folder = folder.parent
    space = shutil.disk_usage(folder).free
    gibibyte = 1024**3
    return (
        None
        if space >= wanted
        else f"needs {wanted // gibibyte} GiB of disk in {folder}, {space / gibibyte:.1f} are free"
    )
