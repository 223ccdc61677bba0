"""How many requests a job costs its cluster, besides the streams of its watches and logs."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import aclosing
from pathlib import Path

from benchmarks.on_a_cluster.ground import FAKE, FAKES, Counted, Ground, spec
from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Finished, JobSpec, Phase, ReplicaChanged, ReplicaState
from ciao.s2i.configmap import ConfigMap
from cluster import kwok

SMALL, EACH, WIDE = 15, 2, 49


async def asked(ground: Ground, *specs: JobSpec) -> list[tuple[Counter[str], Counter[str]]]:
    """Requests and streams of each of these jobs, one after the other in one process."""
    with tempfile.TemporaryDirectory() as home:
        settings = ground.settings(Path(home))
        api = Counted(settings)
        backend = Kubeflow(settings, api=api)
        found = []
        for one in specs:
            api.requests, api.streams = Counter(), Counter()
            await _followed(ground, one, backend)
            found.append((api.requests, api.streams))
        await backend.close()
        return found


async def _followed(ground: Ground, spec: JobSpec, backend: Kubeflow) -> None:
    """To its end; fake replicas are ended once all of them run."""
    running = set[str]()
    async with aclosing(pipeline.run(spec, s2i=ConfigMap(), backend=backend)) as events:
        async for event in events:
            if isinstance(event, ReplicaChanged) and event.status.state is ReplicaState.RUNNING and spec.patch:
                running.add(event.status.replica)
                if len(running) == len(spec.replicas):
                    await asyncio.to_thread(end, ground)
            if isinstance(event, Finished):
                assert event.outcome.phase is Phase.SUCCEEDED, event.outcome


def end(ground: Ground) -> None:
    """The fake replicas succeed, the master last: its end is the job's."""
    for role in ("worker", "master"):
        kwok.finish(ground.kubectl, f"{FAKES},training.kubeflow.org/replica-type={role}")


def measure(ground: Ground) -> bool:
    """A job of 1 + 2 replicas on the real node, the first of its process and the next, and a wide one on fake nodes."""
    small = spec("import time; print('up'); time.sleep(3)", masters=1, workers=2)
    wide = spec("print('up')", masters=1, workers=WIDE, patch=FAKE)
    first, second, many = asyncio.run(asked(ground, small, small, wide))
    limits = (SMALL, SMALL, EACH * (WIDE + 1))
    names = ("first job of 1 + 2", "second job of 1 + 2", f"job of 1 + {WIDE}")
    for name, limit, (requests, streams) in zip(names, limits, (first, second, many), strict=True):
        print(f"{name}: {requests.total()} requests (limit {limit}), {streams.total()} streams")
        print("  " + ", ".join(f"{n} {what}" for what, n in sorted((*requests.items(), *streams.items()))))
    return all(r.total() <= limit for limit, (r, _) in zip(limits, (first, second, many), strict=True))
