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
from ciao.logs.folding import Folding
from ciao.model import Elastic, Finished, Line, Lines, Notice, Phase, Traced
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

BOTH = """if dist.get_world_size() == {size}:
    open("both", "w").close()
while not os.path.exists("both"):  # who comes late makes the others meet anew
    time.sleep(0.05)
"""

DIES = f"""import os, time, torch, torch.distributed as dist
dist.init_process_group("gloo")
{BOTH.format(size=2)}x = torch.ones(1)
for step in range(1000):
    if dist.get_rank() == 1 and step == 5:
        {{death}}
    dist.all_reduce(x)
"""


KILLS_ITSELF = f"""import os, time, torch.distributed as dist
dist.init_process_group("gloo")
{BOTH.format(size="{size}")}if os.environ["CIAO_REPLICA"] == "{{who}}" and os.environ["LOCAL_RANK"] == "0":
    os.kill(os.getpid(), 9)
dist.barrier()
print("met", dist.get_world_size())
"""


def shown(ran: Ran, replica: str = "worker-") -> list[str]:
    """What a cell has of the lines of this replica, or of all."""
    lines: list[Line] = []
    folding = Folding()
    for event in ran.events:
        if isinstance(event, Lines):
            lines += folding.add(event.lines, 0.0)
        elif isinstance(event, Traced):
            lines += folding.expect(event, f"folded: {event.reason}")
    return [line.text for line in (*lines, *folding.release()) if line.replica.startswith(replica)]


def warnings(ran: Ran) -> list[str]:
    return [e.text for e in ran.events if isinstance(e, Notice) and e.level == "warning"]


@pytest.mark.parametrize("nproc", [1, 2])
async def test_the_job_goes_on_without_a_worker_whose_process_is_killed(
    run: Run, spec: Spec, torch_python: str, nproc: int
) -> None:
    code = KILLS_ITSELF.format(who="worker-1", size=2 * nproc)
    ran = await run(spec(code, elastic=Elastic(least=1, most=3), nproc=nproc, python=torch_python))
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    (warning,) = warnings(ran)
    assert warning.startswith("worker-1 is lost (SIGKILL"), warning
    assert "goes on with 1 of 2 workers" in warning
    assert ran.lines("worker-0")[-1] == f"met {nproc}"
    assert "folded: torchrun's own report" in shown(ran)
    assert not [line for line in shown(ran, "worker-1") if "torch.distributed.elastic" in line]
    assert any("SignalException" in line for line in ran.lines("worker-1"))


async def test_the_job_ends_with_the_worker_at_which_the_others_meet(run: Run, spec: Spec, torch_python: str) -> None:
    code = KILLS_ITSELF.format(who="worker-0", size=2)
    ran = await run(spec(code, elastic=Elastic(least=1, most=3), python=torch_python))
    assert (ran.failure.replica, ran.failure.ename) == ("worker-0", "SIGKILL"), ran.outcome
    assert not warnings(ran)
    assert not [line for line in shown(ran) if "ChildFailedError" in line or "Root Cause" in line]
    assert any("Root Cause" in line for line in ran.lines("worker-0"))


async def test_a_worker_is_killed_and_the_others_train_on(
    job: Create, spec: Spec, backend: Backend, settings: Settings, torch_python: str
) -> None:
    name = await job(spec(TRAINS, workers=3, elastic=Elastic(least=2, most=3), python=torch_python))
    events, killed, folder = [], False, JobFolder.of(settings.home, name)
    async with asyncio.timeout(200), aclosing(backend.watch(name)) as told:
        async for event in told:
            events.append(event)
            up = sum(line.text.endswith(" of 3") for e in events if isinstance(e, Lines) for line in e.lines)
            if up >= 3 and not killed:
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
    ("death", "least", "named"),
    [
        pytest.param("raise ValueError('bad batch')", 1, ("ValueError", "bad batch"), id="raises"),
        pytest.param("os._exit(3)", 2, ("SystemExit", "exit code 3"), id="leaves"),
        pytest.param("os._exit(3)", 1, ("SystemExit", "exit code 3"), id="leaves again"),
    ],
)
async def test_the_codes_own_failure_is_the_jobs(
    run: Run, spec: Spec, torch_python: str, death: str, least: int, named: tuple[str, str]
) -> None:
    ran = await run(spec(DIES.format(death=death), elastic=Elastic(least=least, most=2), python=torch_python))
    assert (ran.failure.ename, ran.failure.evalue) == named, ran.outcome
    assert not warnings(ran)
    assert not [line for line in shown(ran) if "SignalException" in line or "WARNING:torch.distributed" in line]
    assert "folded: torchrun's own report" in shown(ran)
    if ran.failure.error is not None:
        assert [f.line for f in ran.failure.error.frames if f.in_cell] == [10]
