"""An elastic job on a cluster loses a worker, and goes on; another pod takes its place."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Elastic, Event, Finished, Lines, Notice, Phase
from fakes.told import Create, Ran, Run, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`, twenty times in `make soak`, which has another loss besides."""

TRAINS = """import os, time, torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
again = torch.tensor([int(os.environ["TORCHELASTIC_RESTART_COUNT"])])
dist.all_reduce(again)
print(f"up {rank} of {size}, again {again.item()}")
for step in range(50 if again else 100_000):
    dist.all_reduce(torch.ones(1))
    time.sleep(0.02)
print("trained", "on" if again else "")
"""


KILL = """import os
for pid in filter(str.isdecimal, os.listdir('/proc')):
    if pid not in ('1', str(os.getpid())) and b'torch.distributed.run' in open(f'/proc/{pid}/cmdline', 'rb').read():
        os.kill(int(pid), 9)
"""

LOSSES = {
    "its pod is deleted": ("delete", "pod/{name}-worker-1", "--grace-period=0", "--force"),
    "it is killed": ("exec", "{name}-worker-1", "--", "python3", "-c", KILL),
}


@pytest.mark.parametrize("time", range(TIMES))
@pytest.mark.parametrize("loss", LOSSES if TIMES > 1 else ["its pod is deleted"])
async def test_a_worker_is_lost_and_the_job_trains_on(
    job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl, loss: str, time: int
) -> None:
    name = await job(spec(TRAINS, elastic=Elastic(least=1, most=2)))
    events: list[Event] = []
    up: set[str] = set()
    async with asyncio.timeout(600), aclosing(backend.watch(name)) as told:
        async for event in told:
            events.append(event)
            new = (
                {line.replica for line in event.lines if line.text.startswith("up")}
                if isinstance(event, Lines)
                else set()
            )
            if len(up) < 2 and len(up := up | new) == 2:
                await asyncio.to_thread(kubectl.run, *(word.replace("{name}", name) for word in LOSSES[loss]))
            if isinstance(event, Finished):
                break
    ran = Ran(events)
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    assert "trained on" in ran.lines("worker-0")
    assert any(e.text.startswith("worker-1 is lost") for e in events if isinstance(e, Notice))


RAISES = """import torch.distributed as dist
dist.init_process_group("gloo")
if dist.get_rank() == 1:
    raise ValueError("bad batch")
dist.barrier()
"""


async def test_what_the_code_raises_is_no_loss_but_the_jobs_error(run: Run, spec: Spec) -> None:
    ran = await run(spec(RAISES, elastic=Elastic(least=1, most=2)))
    assert (ran.failure.ename, ran.failure.evalue) == ("ValueError", "bad batch"), ran.outcome
    assert ran.failure.error is not None
    assert [f.line for f in ran.failure.error.frames if f.in_cell] == [4]
