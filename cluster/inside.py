"""The first process inside the cluster's namespaces: makes mounts and network, starts everything, and reaps.

Its standard input is a leash: it waits there for `go`, and if the line ends before `keep` has been said, whoever
started it is gone, and so is the cluster. Its standard output tells the progress: READY at
the end, or FAILED with the reason after it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from cluster import control_plane, controllers, dns, images, kube_proxy, mounts, node, registry, sysctls
from cluster.components import Component, Running, named, start
from cluster.errors import ClusterError
from cluster.layout import Layout

READY, FAILED = "READY", "FAILED"
GO, KEEP = b"go\n", b"keep\n"


def main(name: str, number: str) -> int:
    """Start the cluster, then live as long as it. Its end is the end of every process in here."""
    cluster = Layout(name=name, number=int(number))
    if os.read(0, 16) != GO:
        return 1
    threading.Thread(target=_leash, daemon=True).start()
    try:
        _mounts(cluster)
        _network(cluster)
        _start(cluster)
    except (ClusterError, subprocess.CalledProcessError, OSError) as error:
        _tell(f"{FAILED}\n{error}")
        return 1
    _tell(READY)
    _reap(cluster)
    return 0


def _leash() -> None:
    if os.read(0, 16) != KEEP:  # unbuffered: a lock on it would outlive main
        os._exit(1)


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is how it talks to who started it


def _mounts(cluster: Layout) -> None:
    """What would clash with the host or with another cluster is in the cluster's own memory."""
    _run("mount", "--make-rprivate", "/")
    with mounts.points():
        for path in (Path("/run"), mounts.LOGS, controllers.CERTIFICATES):
            _run("mount", "-t", "tmpfs", "tmpfs", str(path))
        (cluster.state / "node").mkdir()
        _run("mount", "--bind", str(cluster.state / "node"), str(mounts.KUBELET))
    for file, setting in sysctls.stand_ins(Path("/run/sysctls")):
        _run("mount", "--bind", str(file), str(setting))
    node.SOCKET.parent.mkdir()


def _network(cluster: Layout) -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{cluster.inner}/30", "dev", "ciao-host")
    _run("ip", "link", "set", "ciao-host", "up")
    for command in node.bridge(node.first(cluster)):
        _run(*command)
    _run("ip", "route", "add", "default", "via", cluster.outer)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    if kube_proxy.BRIDGED.exists():
        kube_proxy.BRIDGED.write_text("1")


def _start(cluster: Layout) -> None:
    """Everything that does not need one another at the same time; then each is waited for."""
    first = _launch(cluster, control_plane.etcd(cluster), registry.registry(cluster), node.containerd(cluster))
    _wait(first[:1])
    second = _launch(cluster, control_plane.apiserver(cluster))
    _wait(first[1:])
    for image in images.ALWAYS:
        registry.push(cluster, image)
    _wait(second)
    third = _launch(
        cluster,
        control_plane.controller_manager(cluster),
        control_plane.scheduler(cluster),
        node.kubelet(cluster),
        dns.coredns(cluster),
        kube_proxy.component(cluster),
    )
    controllers.prepare(cluster)
    _tell("CRDs and webhooks are registered")
    operators = [one(cluster) for one in (controllers.training_operator, controllers.jobset, controllers.trainer)]
    fourth = _launch(cluster, *operators)
    _wait(third)
    _wait(fourth)
    controllers.runtimes(cluster)


def _launch(cluster: Layout, *components: Component) -> list[Running]:
    return [start(one, environment=dict(os.environ), cluster=cluster) for one in components]


def _wait(running: list[Running]) -> None:
    for one in running:
        one.wait(_tell)


def _reap(cluster: Layout) -> None:
    """For ever. A component that ends is written down: `status` tells it."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if name := named(ended, cluster=cluster):
            with (cluster.state / "ended").open("a") as file:
                file.write(f"{name} {os.waitstatus_to_exitcode(status)}\n")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` in the cluster's namespaces failed: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
