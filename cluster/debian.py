"""What comes from Debian: checked first, installed only where something is missing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cluster import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKAGES = (
    "busybox-static",
    "containerd",
    "containernetworking-plugins",
    "debootstrap",
    "docker-registry",
    "etcd-server",
    "iproute2",
    "iptables",
    "openssl",
    "runc",
    "uidmap",
    "util-linux",
)


ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_OFFLINE": "1"}
"""No question is asked; and systemd starts no service: etcd, containerd and the registry run in the cluster alone."""


def install(progress: Callable[[str], None], packages: Sequence[str] = PACKAGES) -> None:
    """Have all of these.

    Raises:
        ClusterError: apt-get failed; with the end of what it said.
    """
    missing = [package for package in packages if not _installed(package)]
    if missing:
        progress(f"installing {' '.join(missing)}")
        _apt("update", "-qq", progress=progress)
        _apt("install", "-y", "-qq", "--no-install-recommends", *missing, progress=progress)


def _installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def _apt(*arguments: str, progress: Callable[[str], None]) -> None:
    """It waits for another apt to end. Killed, it would leave packages that are half configured."""
    commands.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=600", *arguments],
        what=f"apt-get {arguments[0]}",
        progress=progress,
        environment=ENVIRONMENT,
        gently=True,
    )
