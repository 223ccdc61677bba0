"""A cluster seen from the host: start it, look at it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster import (
    builds,
    cgroups,
    checks,
    components,
    debian,
    images,
    inside,
    layout,
    locks,
    mounts,
    pki,
    readiness,
    registry,
)
from cluster.components import Component
from cluster.errors import ClusterError, ComponentFailed
from cluster.images import Image
from cluster.layout import Layout

Progress = Callable[[str], None]
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ENDS = 300
"""Seconds for the end of a cluster. It takes two; once, for a reason that was not found, more than sixty. The kernel
keeps a network for as long as the last bytes of its connections are not taken, and mounts until they are on the disk.
"""
THREADS = 16
"""Which number it is in the `stat` of a process, after its state."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster. `init` is the host's id of its first process: its end is the end of all."""

    layout: Layout
    init: int

    def image(self, image: Image, progress: Progress = print) -> str:
        """Have a base image in its registry; its name there."""
        image.build(progress)
        return registry.push(self.layout, image)

    def add(self, component: Component, progress: Progress = print) -> None:
        """Start one more program in its namespaces and wait until it is ready; it ends with the cluster.

        Raises:
            ComponentFailed: it ended, or its time is over; with the end of its log.
        """
        running = components.add(component, init=self.init, environment=_environment(), cluster=self.layout)
        running.wait(progress)

    def kill(self, name: str) -> None:
        """End one of its programs at once; `add` starts it again."""
        components.kill(name, init=self.init, cluster=self.layout)

    def run(self, *command: str) -> None:
        """A short command in its namespaces; raises ClusterError with what it said if it fails."""
        components.run(*command, init=self.init)

    def runs(self, name: str) -> bool:
        """Whether one of its programs was started and has not ended."""
        return components.runs(name, init=self.init, cluster=self.layout)

    def alive(self) -> bool:
        """Whether that process still is the one that was started."""
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{self.init}/cmdline").read_bytes().split(b"\0")
            return b"cluster.inside" in words and self.layout.name.encode() in words
        return False

    def gone(self) -> bool:
        """Whether nothing of it is left: its first process dies after all others, its cable a moment after that."""
        with contextlib.suppress(OSError):
            if self.alive() or _dies(self.init):
                return False
        with contextlib.suppress(OSError):
            return (Path("/sys/class/net") / self.layout.cable / "ifalias").read_text().strip() != self.layout.name
        return True

    def ended(self) -> list[str]:
        """Components that ended, each with its exit code."""
        path = self.layout.state / "ended"
        return path.read_text().splitlines() if path.exists() else []


def find(name: str) -> Cluster | None:
    """The running cluster of that name."""
    found = _saved(name)
    return found if found and found.alive() else None


def prepare(progress: Progress) -> None:
    """All that needs the world outside: Debian's packages, the programs, the images that every cluster needs."""
    checks.require()
    debian.install(progress)
    builds.build(progress)
    for image in images.ALWAYS:
        image.build(progress)


def up(name: str, progress: Progress) -> Cluster:
    """Start a cluster that stays until `down`."""
    cluster, _ = _start(name, progress, keep=True)
    return cluster


@contextlib.contextmanager
def running(name: str, progress: Progress) -> Iterator[Cluster]:
    """A cluster for as long as this block; it ends with this process too, however that ends."""
    cluster, process = _start(name, progress)
    with process:
        try:
            yield cluster
        finally:
            down(name)


def down(name: str, progress: Progress = lambda _line: None) -> None:
    """End it, and remove all but its logs and what is kept in the cache. Also what a crash left."""
    with _alone(name, progress):
        _clear(name)


def clean() -> None:
    """Remove what is kept from one start to the next: programs, images, and what the clusters pulled.

    Raises:
        ClusterError: a cluster is running, by these programs.
    """
    folder = Layout(name="any", number=0).state.parent
    if found := [file.parent.name for file in folder.glob("*/cluster.json") if find(file.parent.name)]:
        raise ClusterError(f"Still running: {', '.join(found)}. First `make cluster-down NAME={found[0]}`.")
    shutil.rmtree(layout.cache(), ignore_errors=True)


def _start(name: str, progress: Progress, *, keep: bool = False) -> tuple[Cluster, subprocess.Popen[bytes]]:
    prepare(progress)
    with _alone(name, progress):
        if found := find(name):
            way = f"`make cluster-down NAME={name}` ends it."
            raise ClusterError(f"The cluster {name} is running already, its API at {found.layout.api}. {way}")
        _clear(name)
        try:
            cluster, process = _launch(name, progress)
            if keep:
                _say(process, inside.KEEP)
        except BaseException:  # Ctrl-C too
            _clear(name)
            raise
        return cluster, process


def _launch(name: str, progress: Progress) -> tuple[Cluster, subprocess.Popen[bytes]]:
    cgroups.make(Layout(name=name, number=0).cgroup)
    with locks.held(layout.cache() / "network.lock", what="a network is chosen", progress=progress):
        cluster, process = _namespaces(layout.free(name))
    try:
        _say(process, inside.GO)
        _follow(process, progress, log=cluster.layout.logs / "inside.log")
    except BaseException:
        _kill(process)
        raise
    return cluster, process


def _namespaces(cluster: Layout) -> tuple[Cluster, subprocess.Popen[bytes]]:
    """Their first process waits to be told to go on."""
    shutil.rmtree(cluster.logs, ignore_errors=True)
    cluster.logs.mkdir(parents=True)
    cluster.kept.mkdir(parents=True, exist_ok=True)
    pki.make(cluster)
    process = _unshare(cluster)
    try:
        init = _first_child(process)
        unfinished = cluster.state / "cluster.json.unfinished"
        unfinished.write_text(json.dumps({"number": cluster.number, "init": init}))
        unfinished.rename(cluster.state / "cluster.json")
        _cable(cluster, init)
    except BaseException:
        _kill(process)
        raise
    return Cluster(layout=cluster, init=init), process


def _saved(name: str) -> Cluster | None:
    """The last cluster of that name, unless `down` has removed it; it may have crashed."""
    path = Layout(name=name, number=0).state / "cluster.json"
    if not path.exists():
        return None
    saved = json.loads(path.read_text())
    return Cluster(layout=Layout(name=name, number=saved["number"]), init=saved["init"])


def _clear(name: str) -> None:
    path = Layout(name=name, number=0).state
    if cluster := _saved(name):
        if cluster.alive():
            os.kill(cluster.init, signal.SIGKILL)
        readiness.until(cluster.gone, what=f"The cluster {name} ends", seconds=ENDS)
    cgroups.remove(Layout(name=name, number=0).cgroup)
    mounts.remove_empty()
    for entry in path.iterdir() if path.exists() else ():
        if entry.name != "logs":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _dies(process: int) -> bool:
    """Its command line is empty then; and also when it has ended with its last thread, until somebody asks how."""
    folder = Path(f"/proc/{process}")
    state, *numbers = (folder / "stat").read_text().rpartition(") ")[2].split()
    ended = state in ("X", "Z") and int(numbers[THREADS]) <= 1
    return not ended and not (folder / "cmdline").read_bytes()


def _alone(name: str, progress: Progress) -> contextlib.AbstractContextManager[None]:
    """Of two processes that start or end the same cluster, one waits for the other."""
    state = Layout(name=name, number=0).state
    return locks.held(state.with_name(f"{name}.lock"), what=f"the cluster {name} starts or ends", progress=progress)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that is in its namespaces."""
    with process:
        process.kill()


def _say(process: subprocess.Popen[bytes], word: bytes) -> None:
    assert process.stdin  # noqa: S101 - it is a pipe
    process.stdin.write(word)
    process.stdin.flush()


def _environment() -> dict[str, str]:
    """Small: no proxy and no setting of this shell may reach the cluster."""
    kept = ("PATH", "HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "GOMODCACHE", "GOPATH", "GOFLAGS")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _unshare(cluster: Layout) -> subprocess.Popen[bytes]:
    command = ["unshare", *NAMESPACES, sys.executable, "-m", "cluster.inside", cluster.name, str(cluster.number)]
    with (cluster.logs / "inside.log").open("wb") as errors:
        return subprocess.Popen(
            command,
            cwd=Path(__file__).parent.parent,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )


def _first_child(process: subprocess.Popen[bytes]) -> int:
    """The host's id of the process inside, once its program is there."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def there() -> bool:
        if process.poll() is not None:
            raise ClusterError(f"unshare ended with {process.returncode}: may namespaces be made here?")
        found = children.read_text().split()
        return bool(found) and b"cluster.inside" in Path(f"/proc/{found[0]}/cmdline").read_bytes()

    readiness.until(there, what="The cluster's first process starts")
    return int(children.read_text().split()[0])


def _cable(cluster: Layout, init: int) -> None:
    """A cable from the host into the namespace; the routes and both of its ends go away with the namespace."""
    _ip("link", "add", cluster.cable, "type", "veth", "peer", "name", "ciao-host", "netns", str(init))
    _ip("address", "add", f"{cluster.outer}/30", "dev", cluster.cable)
    _ip("link", "set", cluster.cable, "up", "alias", cluster.name)
    route(cluster, cluster.pods)


def route(cluster: Layout, network: str) -> None:
    """Lead a network of the cluster's into it, for as long as its cable is there.

    Raises:
        ClusterError: this machine leads it elsewhere already.
    """
    _ip("route", "add", network, "via", cluster.inner, "dev", cluster.cable, "onlink")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}")


def _follow(process: subprocess.Popen[bytes], progress: Progress, *, log: Path) -> None:
    """What it tells until it is ready.

    Raises:
        ClusterError: the reason why it did not become ready, or the end of its own log if it gave none.
    """
    assert process.stdout  # noqa: S101 - it is a pipe
    for line in process.stdout:
        match line.decode().rstrip("\n"):
            case inside.READY:
                return
            case inside.FAILED:
                raise ClusterError(process.stdout.read().decode().rstrip())
            case text:
                progress(text)
    raise ComponentFailed("The cluster's first process", "ended", log=log)
