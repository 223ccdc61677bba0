"""From a replica's print to a listener in this process: pod and process have the clock of one machine."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from benchmarks.on_a_cluster.ground import Ground, spec
from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Lines
from ciao.s2i.configmap import ConfigMap

COUNT, EVERY, ROUNDS, MEDIAN, LAST = 500, 0.05, 2, 0.060, 0.300
CELL = f"""
import time
for i in range({COUNT}):
    print("at", time.time_ns(), flush=True)
    time.sleep({EVERY})
"""


async def lags(ground: Ground) -> list[float]:
    """Seconds of each line. The first ones are not of a stream: they were printed before it was there."""
    found = []
    with tempfile.TemporaryDirectory() as home:
        backend = Kubeflow(ground.settings(Path(home)))
        async with aclosing(pipeline.run(spec(CELL, workers=1), s2i=ConfigMap(), backend=backend)) as events:
            async for event in events:
                if isinstance(event, Lines):
                    now = time.time_ns()
                    found += [(now - int(line.text.split()[1])) / 1e9 for line in event.lines]
        await backend.close()
    assert len(found) == COUNT, len(found)
    return found[COUNT // 10 :]


def measure(ground: Ground) -> bool:
    """All rounds together."""
    found = sorted(lag for _ in range(ROUNDS) for lag in asyncio.run(lags(ground)))
    median, last = statistics.median(found), found[len(found) * 99 // 100]
    print(
        f"print to listener, {1 / EVERY:.0f} lines a second:"
        f" median {median * 1000:.0f} ms (limit {MEDIAN * 1000:.0f}),"
        f" 99th {last * 1000:.0f} ms (limit {LAST * 1000:.0f}), longest {found[-1] * 1000:.0f} ms"
    )
    return median <= MEDIAN and last <= LAST
