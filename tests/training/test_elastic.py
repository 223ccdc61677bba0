"""An elastic job goes on without the workers that it can spare, and what its code raises is the cell's error."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.backends.local.watching import history
from ciao.home import JobFolder
from ciao.model import Elastic, Finished, Lines, Notice, Phase
from ciao.settings import Settings
from fakes.processes import LINUX, left_of
from fakes.told import Create, Ran, Run, Spec

pytestmark = [pytest.mark.torch, pytest.mark.timeout(240), LINUX]

TRAINS = """import os, time, torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
print(f"up {rank} of {size}")
weights = torch.load("saved.pt") if os.path.exists("saved.pt") else torch.ones(1)
steps = 0
while not (size == 2 and os.path.exists("killed") and steps > 20):
    gradient = weights * (rank + 1)
    dist.all_reduce(gradient)
    weights, steps = weights - 0.001 * gradient, steps + 1
    if rank == 0:
        torch.save(weights, "saving.pt")
        os.rename("saving.pt", "saved.pt")
    time.sleep(0.02)
print(f"trained with {size}")
"""

DIES = """import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
x = torch.ones(1)
for step in range(1000):
    if dist.get_rank() == 1 and step == 5:
        {death}
    dist.all_reduce(x)
"""


async def test_a_worker_is_killed_and_the_others_train_on(
    job: Create, spec: Spec, backend: Backend, settings: Settings, torch_python: str
) -> None:
    name = await job(spec(TRAINS, workers=3, elastic=Elastic(least=2, most=3), python=torch_python))
    events, killed, folder = [], False, JobFolder.of(settings.home, name)
    async with asyncio.timeout(200), aclosing(backend.watch(name)) as told:
        async for event in told:
            events.append(event)
            up = sum(line.text.endswith(" of 3") for e in events if isinstance(e, Lines) for line in e.lines)
            if up == 3 and not killed:
                killed = True
                os.kill(history(folder).processes["worker-2"], signal.SIGKILL)
                (folder.work / "killed").touch()
            if isinstance(event, Finished):
                break
    ran = Ran(events)
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    assert "trained with 2" in ran.lines("worker-0")
    assert "trained with 2" in ran.lines("worker-1")
    assert any("goes on with 2 of 3 workers" in e.text for e in events if isinstance(e, Notice))
    assert left_of(name) == []


@pytest.mark.parametrize(
    ("death", "named"),
    [
        pytest.param("raise ValueError('bad batch')", ("ValueError", "bad batch"), id="raises"),
        pytest.param("os._exit(3)", ("SystemExit", "exit code 3"), id="leaves"),
    ],
)
async def test_the_codes_own_failure_is_the_jobs(
    run: Run, spec: Spec, torch_python: str, death: str, named: tuple[str, str]
) -> None:
    least = 1 if "raise" in death else 2
    ran = await run(spec(DIES.format(death=death), elastic=Elastic(least=least, most=2), python=torch_python))
    assert (ran.failure.ename, ran.failure.evalue) == named, ran.outcome
    assert not [line for r in ("worker-0", "worker-1") for line in ran.lines(r) if "SignalException" in line]
    if ran.failure.error is not None:
        assert [f.line for f in ran.failure.error.frames if f.in_cell] == [6]
