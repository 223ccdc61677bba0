"""A process that follows one wide job of fake replicas and drops every event: what that costs it.

``python -m benchmarks.on_a_cluster.follower KUBECONFIG NAMESPACE IMAGE LOG WORKERS LIVE LINES`` prints JSON.
LOG is the file that is every fake replica's log.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from benchmarks.on_a_cluster.ground import FAKE, FAKES, Counted, spec
from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.frontends.display.screen import Screen
from ciao.model import Created, Event, Finished, Lines, ReplicaChanged, ReplicaState
from ciao.s2i.configmap import ConfigMap
from ciao.settings import Settings
from cluster import kwok
from cluster.kubectl import Kubectl

PAGE = os.sysconf("SC_PAGE_SIZE")


class Costs:
    """Of this process, from one moment to the next."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._began = self._now = (time.monotonic(), time.process_time())
        self.at_first = self._resident()

    def mark(self, name: str) -> None:
        before, self._now = self._now, (time.monotonic(), time.process_time())
        seconds, cpu = (now - then for now, then in zip(self._now, before, strict=True))
        self.found[name] = {"seconds": seconds, "cpu": cpu, "memory": self._resident() - self.at_first}

    def _resident(self) -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


class Listener:
    """Knows how far the job is, and keeps nothing of what it is told."""

    def __init__(self, costs: Costs, *, replicas: int, live: int, lines: int, log: Path, kubectl: Kubectl) -> None:
        self._costs, self._log, self._kubectl = costs, log, kubectl
        self._replicas, self._expected, self._each = replicas, min(replicas, live) * lines, lines
        self._running = set[str]()
        self.seen = self.events = 0
        self.ending: asyncio.Task[None] | None = None
        self._all_seen = asyncio.Event()
        self.screen = Screen(where="a cluster")

    def __call__(self, event: Event) -> None:
        self.events += 1
        match event:
            case Created() | ReplicaChanged():
                self.screen(event)
        match event:
            case ReplicaChanged(status=status) if status.state is ReplicaState.RUNNING:
                self._running.add(status.replica)
                if len(self._running) == self._replicas:
                    self._costs.mark("until all run")
                    self.ending = asyncio.create_task(self._write())
            case Lines(lines=lines):
                self.seen += len(lines)
                if self.seen >= self._expected:
                    self._all_seen.set()
            case Finished():
                self._costs.mark("end")

    async def _write(self) -> None:
        """Every replica prints; then the job ends with its master."""
        await asyncio.sleep(5)
        self._costs.mark("all streams open")
        for number in range(self._each):
            with self._log.open("ab", buffering=0) as file:
                file.write(kwok.stamped(f"step {number} loss 0.12345 accuracy 0.98765", datetime.now(UTC)))
            await asyncio.sleep(0.1)
        await self._all_seen.wait()
        self._costs.mark("lines")
        await asyncio.to_thread(kwok.finish, self._kubectl, f"{FAKES},training.kubeflow.org/replica-type=master")


def drawing(screen: Screen) -> float:
    """Seconds of one status line."""
    began = time.perf_counter()
    for _ in range(100):
        screen.status()
    return (time.perf_counter() - began) / 100


async def follow(settings: Settings, *, workers: int, live: int, lines: int, log: Path) -> dict[str, object]:
    api = Counted(settings)
    await api.request("GET", "/version")
    costs = Costs()
    kubectl = Kubectl(kubeconfig=settings.kubeconfig or Path(), namespace=settings.namespace or "")
    listener = Listener(costs, replicas=workers + 1, live=live, lines=lines, log=log, kubectl=kubectl)
    backend = Kubeflow(settings, api=api)
    asked = spec("print('up')", masters=1, workers=workers, patch=FAKE)
    async with aclosing(pipeline.run(asked, s2i=ConfigMap(), backend=backend)) as events:
        async for event in events:
            listener(event)
    await backend.close()
    return {
        "costs": costs.found,
        "lines": listener.seen,
        "events": listener.events,
        "requests": dict(api.requests),
        "streams": dict(api.streams),
        "status": drawing(listener.screen),
        "at_first": costs.at_first,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000 - costs.at_first,
    }


def main(kubeconfig: str, namespace: str, image: str, log: str, *numbers: str) -> None:
    workers, live, lines = map(int, numbers)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home),
            kubeconfig=Path(kubeconfig),
            namespace=namespace,
            images=MappingProxyType({"pytorch": image}),
            live=live,
        )
        told = asyncio.run(follow(settings, workers=workers, live=live, lines=lines, log=Path(log)))
        print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
