"""A supervisor is killed, at every stage of its job: it is told, and nothing of the job is left on the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao.backends.base import Backend
from ciao.backends.local.ports import lock_file
from ciao.errors import JobNotFound
from ciao.home import JobFolder
from ciao.model import CleanPolicy, Lines, Phase, Role, RoleSpec
from ciao.settings import Settings
from fakes.processes import LINUX, left_of, until
from fakes.told import Create, Ran, Spec

pytestmark = LINUX

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`; each time the moment is another one."""

TOLD = "{job}: its supervisor was killed, by hand or by another program, and its replicas were ended with it"

FLOOD = "import os\nprint('up')\ni = 0\nwhile True:\n    print('line', i)\n    i += 1\n"
WAITING = "import threading\nprint('up')\nthreading.Event().wait()\n"
DEAF = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAITING}"
CHILDREN = f"import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 1000 & sleep 1000'])\n{WAITING}"
ALONE = f"import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n{WAITING}"
RETRIED = f"import os\nif os.environ['CIAO_ATTEMPT'] == '1':\n    raise ValueError('no luck')\n{WAITING}"
ENDING = "import atexit, threading\nprint('up')\natexit.register(threading.Event().wait)\n"
COLLECTIVE = """import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
print("up", flush=True)
while True:
    dist.all_reduce(torch.ones(1000))
"""
RANKS = """import threading
from mpi4py import MPI
print("up", flush=True)
threading.Event().wait()
"""
ROLES = (RoleSpec(role=Role.LAUNCHER, count=1), RoleSpec(role=Role.WORKER, count=2))
MPI = {"framework": "mpi", "roles": ROLES, "nproc": 2, "python": "/usr/bin/python3"}

STAGES = [
    pytest.param(WAITING, {}, 2, id="waiting"),
    pytest.param(FLOOD, {}, 2, id="printing"),
    pytest.param(CHILDREN, {}, 2, id="with children"),
    pytest.param(ALONE, {}, 2, id="with children in sessions of their own"),
    pytest.param(WAITING, {"nproc": 3}, 6, id="several processes a replica"),
    pytest.param(RETRIED, {"retries": 1}, 2, id="in its second attempt"),
    pytest.param(ENDING, {"clean_policy": CleanPolicy.ALL}, 2, id="ending"),
    pytest.param(COLLECTIVE, {"python": "/usr/bin/python3"}, 2, id="in a collective", marks=pytest.mark.torch),
    pytest.param(RANKS, MPI, 4, id="mpirun", marks=pytest.mark.mpi),
]


def kill(settings: Settings, name: str) -> None:
    os.kill(int(JobFolder.of(settings.home, name).lock_file.read_text()), signal.SIGKILL)


async def up(name: str, backend: Backend, count: int) -> None:
    """Until so many processes have said so."""
    async with asyncio.timeout(60), aclosing(backend.watch(name)) as events:
        async for event in events:
            count -= sum(line.text == "up" for line in event.lines) if isinstance(event, Lines) else 0
            if count <= 0:
                return


def zombies() -> list[str]:
    """Children of this process that have ended and were not waited for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has gone meanwhile
            found.append(stat.read_text().rpartition(") ")[2].split())
    return [" ".join(words[:2]) for words in found if words[0] == "Z" and words[1] == str(os.getpid())]


async def watched(name: str, backend: Backend) -> Ran:
    async with asyncio.timeout(100), aclosing(backend.watch(name)) as events:
        return Ran([event async for event in events])


async def nothing_is_left(name: str, backend: Backend, settings: Settings) -> None:
    until(lambda: left_of(name) == [])
    until(lambda: zombies() == [])
    locks = [lock_file(path) for path in (settings.home / "ports").glob("*.lock")]
    assert None not in locks
    for lock in locks:
        os.close(lock or 0)
    await backend.delete(name)
    assert [*(settings.home / "jobs").iterdir()] == []
    with pytest.raises(JobNotFound):
        await backend.job(name)


@pytest.fixture(autouse=True)
def _needed(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("torch"):
        request.getfixturevalue("torch_python")
    if request.node.get_closest_marker("mpi") and shutil.which("mpirun") is None:
        pytest.skip("needs Open MPI: apt-get install openmpi-bin python3-mpi4py")


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize(("code", "options", "count"), STAGES)
async def test_its_job_is_lost_and_nothing_of_it_is_left(
    job: Create,
    spec: Spec,
    backend: Backend,
    settings: Settings,
    code: str,
    options: dict[str, object],
    count: int,
    number: int,
) -> None:
    name = await job(spec(code, **options))
    await up(name, backend, count)
    kill(settings, name)
    ran = await watched(name, backend)
    assert (ran.outcome.phase, ran.failure.ename, ran.failure.evalue) == (Phase.LOST, "JobLost", TOLD.format(job=name))
    assert ran.outcome.hint == f"Run the cell again. What its replicas printed is kept: `%ciao logs {name}`"
    assert [(s.job.name, s.phase) for s in await backend.jobs()] == [(name, Phase.LOST)]
    again = await watched(name, backend)
    assert (again.lines("worker-0"), again.outcome) == (ran.lines("worker-0"), ran.outcome)
    await nothing_is_left(name, backend, settings)


@pytest.mark.parametrize("moment", [random.Random(n).uniform(0.0, 0.1) for n in range(2 * TIMES)])
async def test_before_its_replicas_start(
    job: Create, spec: Spec, backend: Backend, settings: Settings, moment: float
) -> None:
    name = await job(spec(WAITING, workers=4))
    await asyncio.sleep(moment)  # a moment of the start, not a wait for something
    kill(settings, name)
    assert (await watched(name, backend)).outcome.phase is Phase.LOST
    await nothing_is_left(name, backend, settings)


@pytest.mark.parametrize("moment", [random.Random(n).uniform(0.0, 0.3) for n in range(TIMES)])
async def test_while_it_cancels_its_job_is_cancelled(
    job: Create, spec: Spec, backend: Backend, settings: Settings, moment: float
) -> None:
    name = await job(spec(DEAF))
    await up(name, backend, 2)
    cancelling = asyncio.create_task(backend.cancel(name))
    await asyncio.sleep(moment)  # likewise
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        kill(settings, name)
    assert (await cancelling).phase is Phase.CANCELLED
    assert (await watched(name, backend)).outcome.phase is Phase.CANCELLED
    await nothing_is_left(name, backend, settings)


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize(
    ("code", "options"),
    [
        pytest.param(CHILDREN, {"nproc": 2}, id="children"),
        pytest.param(FLOOD, {"nproc": 2}, id="printing"),
        pytest.param(RANKS, MPI, id="mpirun", marks=pytest.mark.mpi),
    ],
)
async def test_its_replicas_end_though_nobody_looks(
    job: Create, spec: Spec, backend: Backend, settings: Settings, code: str, options: dict[str, object], number: int
) -> None:
    name = await job(spec(code, **options))
    await up(name, backend, 4)
    kill(settings, name)
    until(lambda: left_of(name) == [])
