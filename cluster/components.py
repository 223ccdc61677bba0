"""A component: one program of the cluster, its log, and when it counts as ready."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster import readiness
from cluster.errors import ClusterError, ComponentFailed
from cluster.readiness import PATIENCE, TRY_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cluster.layout import Layout
    from cluster.readiness import Probe


@dataclass(frozen=True, kw_only=True)
class Component:
    """What to start, and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = PATIENCE


@dataclass(frozen=True, kw_only=True)
class Running:
    """A component that was started. `ended` gives its exit code, once it has one."""

    component: Component
    ended: Callable[[], int | str | None]
    log: Path
    began: float

    def wait(self, progress: Callable[[str], None]) -> None:
        """Until it is ready.

        Raises:
            ComponentFailed: it ended, or its time is over; with the end of its log.
        """
        name, seconds = self.component.name, self.component.seconds
        while not self.component.ready():
            if (code := self.ended()) is not None:
                raise ComponentFailed(name, f"ended with {code} before it was ready", log=self.log)
            if time.monotonic() > self.began + seconds:
                raise ComponentFailed(name, f"was not ready after {seconds:.0f} s", log=self.log)
            time.sleep(TRY_EVERY)
        progress(f"{name} ready after {time.monotonic() - self.began:.1f} s")


def start(component: Component, *, environment: Mapping[str, str], cluster: Layout) -> Running:
    """Start it in this process's own namespaces, with all that it writes in one log file."""
    process = _popen(component, component.command, environment=environment, cluster=cluster)
    _pid_file(cluster, component.name).write_text(str(process.pid))
    return _running(component, process.poll, cluster=cluster)


def add(component: Component, *, init: int, environment: Mapping[str, str], cluster: Layout) -> Running:
    """Start it, from the host, in the namespaces of a running cluster, whose first process adopts it.

    Its probe is asked on the host: it must name an address that holds there, not the cluster's own loopback.

    Raises:
        ComponentFailed: the cluster has ended; with what was said.
    """
    file = _pid_file(cluster, component.name)
    detached = ("sh", "-c", '"$@" & echo $! >"$0"', str(file))  # the id that it has inside
    command = (*_enter(init), *detached, *component.command)
    if code := _popen(component, command, environment=environment, cluster=cluster).wait():
        what = f"could not be started in the cluster {cluster.name}: nsenter ended with {code}"
        raise ComponentFailed(component.name, what, log=_log(component, cluster))
    pid = file.read_text().strip()
    return _running(component, lambda: None if _signal(init, "-0", pid) else "an error", cluster=cluster)


def kill(name: str, *, init: int, cluster: Layout) -> None:
    """End a component at once, from the host; it does not count as one that ended by itself.

    Raises:
        ClusterError: there is none of that name.
    """
    file = _pid_file(cluster, name)
    if not file.exists():
        raise ClusterError(f"No component {name} runs in the cluster {cluster.name}.")
    pid = file.read_text().strip()
    file.unlink()
    _signal(init, "-KILL", pid)
    readiness.until(lambda: not _signal(init, "-0", pid), what=f"{name} is gone")


def runs(name: str, *, init: int, cluster: Layout) -> bool:
    """Whether a component was started and has not ended."""
    file = _pid_file(cluster, name)
    return file.exists() and _signal(init, "-0", file.read_text().strip())


def run(*command: str, init: int) -> None:
    """A short command, from the host, in the namespaces of a running cluster.

    Raises:
        ClusterError: it failed; with what it said.
    """
    done = subprocess.run([*_enter(init), *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` in the cluster's namespaces failed: {done.stderr.strip()}")


def named(pid: int, *, cluster: Layout) -> str | None:
    """Which component this process is, by its id inside; none if it was ended by `kill`."""
    return identities(cluster).get(str(pid))


def identities(cluster: Layout) -> dict[str, str]:
    """The name of each component by its id inside. One that is killed meanwhile takes its file away."""
    found = {}
    for file in _pids(cluster).iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[file.read_text().strip()] = file.name
    return found


def _pids(cluster: Layout) -> Path:
    folder = cluster.state / "pids"
    folder.mkdir(exist_ok=True)
    return folder


def _pid_file(cluster: Layout, name: str) -> Path:
    return _pids(cluster) / name


def _enter(init: int) -> tuple[str, ...]:
    return ("nsenter", f"--target={init}", "--net", "--mount", "--pid", "--wd=/")


def _signal(init: int, signal: str, pid: str) -> bool:
    return not subprocess.run([*_enter(init), "kill", signal, pid], capture_output=True, check=False).returncode


def _log(component: Component, cluster: Layout) -> Path:
    return cluster.logs / f"{component.name}.log"


def _running(component: Component, ended: Callable[[], int | str | None], *, cluster: Layout) -> Running:
    return Running(component=component, ended=ended, log=_log(component, cluster), began=time.monotonic())


def _popen(
    component: Component, command: tuple[str, ...], *, environment: Mapping[str, str], cluster: Layout
) -> subprocess.Popen[bytes]:
    with _log(component, cluster).open("ab") as output:
        return subprocess.Popen(
            command,
            env={**environment, **component.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
