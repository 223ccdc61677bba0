"""Docker's daemon for tests: Debian's package, unpacked into the cache and never installed, so nothing starts it.

It runs with its data, its socket and its containerd in one folder, without a bridge and without rules for a firewall:
what it builds needs no network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from cluster import commands, layout, locks, readiness, trees
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PACKAGE = "docker.io"
PROGRAMS = ("usr/bin/docker", "usr/sbin/dockerd")
ALONE = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false")
BEGIN = 60.0
"""Seconds for the daemon to answer."""


def unpacked(progress: Callable[[str], None]) -> Path:
    """The folder of its programs, which is fetched once for each version that apt knows.

    Raises:
        ClusterError: apt has no such package, or cannot fetch it.
    """
    version = _version()
    folder = layout.cache() / "debian" / f"docker-{version.replace(':', '-')}"
    with locks.held(folder.with_name("docker.lock"), what=f"unpacking {PACKAGE}", progress=progress):
        if not folder.exists():
            _unpack(folder, version, progress)
    return folder


@contextlib.contextmanager
def running(programs: Path, folder: Path) -> Iterator[str]:
    """A daemon in this folder, for as long as the block; its address. Nothing of it is left behind.

    Raises:
        ClusterError: it ended, or does not answer in time; with the end of what it said.
    """
    address, log = f"unix://{folder / 'docker.sock'}", folder / "docker.log"
    ask = (str(programs / "docker"), "--host", address, "version")
    command = (
        str(programs / "dockerd"), *ALONE, f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'pid'}", f"--host={address}", "--userland-proxy=false",
    )  # fmt: skip
    environment = os.environ | {"PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}"}
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            readiness.until(lambda: _answers(process, ask), what=f"Starting Docker, see {log},", seconds=BEGIN)
            yield address
        finally:
            process.terminate()
            process.wait()
            unmount(folder)


def _answers(process: subprocess.Popen[bytes], ask: tuple[str, ...]) -> bool:
    if process.poll() is not None:
        raise ClusterError(f"dockerd ended with {process.returncode}.")
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """What it still holds mounted, the innermost first."""
    with open("/proc/mounts") as mounts:  # noqa: PTH123 - it is no file of a disk
        found = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for place in reversed(found):
        subprocess.run(["umount", "--lazy", place], check=False)


def _version() -> str:
    told = trees.run("apt-cache", "policy", PACKAGE)
    found = [line.split()[1] for line in told.splitlines() if line.strip().startswith("Candidate:")]
    if not found or found[0] == "(none)":
        raise ClusterError(f"apt knows no package {PACKAGE}: `apt-get update` first, and see /etc/apt/sources.list.")
    return found[0]


def _unpack(folder: Path, version: str, progress: Callable[[str], None]) -> None:
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    fetch = ["apt-get", "download", "-qq", f"{PACKAGE}={version}"]
    commands.run(fetch, what=f"fetching {PACKAGE}", progress=progress, cwd=unfinished)
    (package,) = unfinished.glob("*.deb")
    trees.run("dpkg", "--extract", str(package), str(unfinished / "all"))
    (unfinished / "programs").mkdir()
    for program in PROGRAMS:
        (unfinished / "all" / program).rename(unfinished / "programs" / program.rpartition("/")[2])
    (unfinished / "programs").rename(folder)
    shutil.rmtree(unfinished)
