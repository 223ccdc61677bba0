"""A thousand replicas on fake nodes: what it costs the process that follows them, and their cluster.

With the logs of fifty of them, as settings have it, and with all logs. The end of a thousand pods is not measured: the
job ends with its master, and they are removed here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.on_a_cluster.ground import Ground
from cluster import readiness

LINES = 20
WIDTHS = ((199, 50), (999, 50), (999, 1000))
"""Workers beside a master, and how many logs are followed."""
EACH, SURPLUS = 2, 15
"""Requests for a replica at most, and for the job."""


def followed(ground: Ground, workers: int, live: int) -> dict[str, Any]:
    log = ground.cluster.layout.state / "kwok-pods.log"
    log.write_text("")
    here = (ground.kubectl.kubeconfig, ground.kubectl.namespace, ground.image)
    command = ["-m", "benchmarks.on_a_cluster.follower", *map(str, (*here, log, workers, live, LINES))]
    done = subprocess.run(
        [sys.executable, *command], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True
    )
    _remove(ground)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _remove(ground: Ground) -> None:
    """In a few requests: who collects the garbage takes ten objects a second."""
    kubectl, ours = ground.kubectl, "--selector=app.kubernetes.io/managed-by=ciao"
    kubectl("delete", "pytorchjobs,configmaps", ours, "--wait=false")

    def empty() -> bool:
        for kind in ("services", "pods"):
            kubectl("delete", f"--raw=/api/v1/namespaces/{kubectl.namespace}/{kind}")
        return not kubectl.names("pods")

    readiness.until(empty, what="The fake replicas are gone", seconds=180)


def measure(ground: Ground) -> bool:
    kept = True
    for workers, live in WIDTHS:
        told = followed(ground, workers, live)
        asked, streams = sum(told["requests"].values()), sum(told["streams"].values())
        replicas = workers + 1
        kept = kept and asked <= SURPLUS + EACH * min(live, replicas) and told["lines"] == LINES * min(live, replicas)
        print(f"{replicas} replicas, {live} logs: {asked} requests, {streams} streams, {told['lines']} lines")
        for name, cost in told["costs"].items():
            print(
                f"  {name}: {cost['seconds']:.1f} s, of which {cost['cpu']:.1f} s of CPU;"
                f" memory {cost['memory']:+.0f} MB (began with {told['at_first']:.0f})"
            )
        print(f"  at most {told['peak']:+.0f} MB; a status line {told['status'] * 1000:.2f} ms", flush=True)
    return kept
