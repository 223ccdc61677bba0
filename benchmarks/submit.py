"""From the submission of a job to the first line of each of its four replicas, against four bare Python starts.

Both sides start four processes at once and wait for a line of each. The limit is the bare starts plus 80 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from ciao import pipeline
from ciao.backends.local.backend import Local
from ciao.model import Cell, JobSpec, Lines, Role, RoleSpec
from ciao.s2i.directory import Directory
from ciao.settings import Settings

REPLICAS, ROUNDS, LIMIT = 4, 15, 0.080
SPEC = JobSpec(
    cell=Cell(text="print('up')", number=1),
    code="print('up')",
    framework="pytorch",
    roles=(RoleSpec(role=Role.WORKER, count=REPLICAS),),
)


def bare() -> float:
    """Seconds until four Pythons, started at once, have each printed a line."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "print('up')"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(REPLICAS)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
    took = time.perf_counter() - began
    for process in processes:
        process.communicate()
    return took


async def submitted(settings: Settings) -> float:
    """Seconds until the pipeline has told a line of each replica."""
    began, took, seen = time.perf_counter(), 0.0, set[str]()
    events = pipeline.run(SPEC, s2i=Directory(settings), backend=Local(settings))
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Lines):
                seen |= {line.replica for line in event.lines}
                took = took or (time.perf_counter() - began if len(seen) == REPLICAS else 0.0)
    return took


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        asyncio.run(submitted(settings))
        bare()
        pairs = [(asyncio.run(submitted(settings)), bare()) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    over = statistics.median(a - b for a, b in pairs)
    print(f"submit to first line of {REPLICAS} replicas: {ours * 1000:.0f} ms; bare starts {theirs * 1000:.0f} ms")
    print(f"over the bare starts: {over * 1000:.0f} ms (limit {LIMIT * 1000:.0f} ms), ratio {ours / theirs:.2f}")
    return 0 if over <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
