"""What comes from Debian: checked first, installed only where something is missing."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "util-linux",
)


def install(progress: Callable[[str], None]) -> None:
    """Have all of PACKAGES.

    Raises:
        ClusterError: apt-get failed; with the end of what it said.
    """
    missing = [package for package in PACKAGES if not _installed(package)]
    if not missing:
        return
    progress(f"installing {' '.join(missing)}")
    _apt("update", "-qq")
    _apt("install", "-y", "-qq", "--no-install-recommends", *missing)


def _installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def _apt(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"apt-get {' '.join(arguments)} failed:\n{done.stdout[-2000:]}")
