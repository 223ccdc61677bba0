"""A real collective stands still: who stands elsewhere is told, with the line, and asking harms no training."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import aclosing

import pytest

from ciao import pipeline
from ciao.backends.attended import attended
from ciao.backends.base import Backend
from ciao.logs.standing import picture, sentence
from ciao.model import Created, Event, Finished, JobSpec, Lines, Notice, Phase, Role, RoleSpec
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from fakes.processes import LINUX
from fakes.told import Spec

pytestmark = [LINUX, pytest.mark.timeout(240)]

MPI = "/usr/bin/python3"
MPI_ROLES = (RoleSpec(role=Role.LAUNCHER, count=1), RoleSpec(role=Role.WORKER, count=2))

TORCH = """import os, time, torch, torch.distributed as dist
def load(step):
    while rank == 2 and step == 3 and not os.path.exists('go'):
        time.sleep(0.05)
    return torch.ones(10)
dist.init_process_group('gloo')
rank = dist.get_rank()
for step in range(6):
    batch = load(step)
    print('step', step)
    dist.all_reduce(batch)
"""

MEETS = """import os, time, torch.distributed as dist
while os.environ['RANK'] == '2' and not os.path.exists('go'):
    print('waits') if not os.path.exists('said') else None
    open('said', 'w').close()
    time.sleep(0.05)
dist.init_process_group('gloo')
dist.barrier()
print('met')
"""

RANKS = """import os, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
print('begun')
while comm.rank == 2 and not os.path.exists('go'):
    time.sleep(0.05)
comm.barrier()
"""


class Job:
    """A job that is followed, and what it told so far."""

    def __init__(self, spec: JobSpec, settings: Settings, backend: Backend) -> None:
        self.told: list[Event] = []
        self._settings = settings
        self._backend = backend
        self._task = asyncio.create_task(self._follow(spec))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                assert not self._task.done(), self.told[-1]
                await asyncio.sleep(0.01)

    @property
    def name(self) -> str:
        return next((e.job.name for e in self.told if isinstance(e, Created)), "")

    @property
    def notices(self) -> list[str]:
        return [e.text for e in self.told if isinstance(e, Notice) and "files of the job" not in e.text]

    def lines(self, text: str) -> int:
        return sum(line.text == text for e in self.told if isinstance(e, Lines) for line in e.lines)

    async def sentence(self, wanted: str = "") -> str:
        """Once these words are in it."""
        async with asyncio.timeout(60):
            text = await self._asked()
            while wanted not in text:
                await asyncio.sleep(0.01)
                text = await self._asked()
        return text

    async def _asked(self) -> str:
        return sentence(picture(await self._backend.stacks(self.name)), "Cell In[7]")

    async def goes_on(self) -> Finished:
        """To its end."""
        (self._settings.home / "jobs" / self.name / "work" / "go").touch()
        await self._task
        assert isinstance(self.told[-1], Finished)
        return self.told[-1]

    async def _follow(self, spec: JobSpec) -> None:
        run = pipeline.run(spec, s2i=Directory(self._settings), backend=self._backend)
        async with aclosing(attended(run, self._backend, self.told.append, patience=2.0)) as events:
            async for event in events:
                self.told.append(event)


@pytest.mark.torch
async def test_the_rank_that_others_wait_for_is_told_with_its_line_and_that_it_goes_on(
    settings: Settings, backend: Backend, spec: Spec, torch_python: str
) -> None:
    job = Job(spec(TORCH, workers=4, python=torch_python), settings, backend)
    where = "worker-2 stands at Cell In[7], line 4 (time.sleep(0.05)); the other 3 wait at line 11 (all_reduce)"
    await job.until(lambda: any(where in text for text in job.notices))  # one may have stood at its imports before
    at, text = next((at, text) for at, text in enumerate(job.notices) if where in text)
    assert text.startswith("no line from any replica for ")
    assert text.endswith(f"`%ciao stacks {job.name}` shows more")
    assert (await job.goes_on()).outcome.phase is Phase.SUCCEEDED
    assert job.notices[at + 1].startswith("lines come again, after ")
    assert job.lines("step 5") == 4


@pytest.mark.torch
async def test_replicas_that_wait_to_meet_are_asked_and_meet_all_the_same(
    settings: Settings, backend: Backend, spec: Spec, torch_python: str
) -> None:
    """A signal that interrupts their system calls would be the end of them: torch's store does not try again."""
    job = Job(spec(MEETS, workers=3, python=torch_python), settings, backend)
    await job.until(lambda: job.lines("waits") == 1)
    await job.sentence("the other 2 wait at line 6")  # until then they import what they need
    for _ in range(5):
        assert "the other 2 wait at line 6" in await job.sentence("worker-2 stands at Cell In[7], line 5")
    assert (await job.goes_on()).outcome.phase is Phase.SUCCEEDED
    assert job.lines("met") == 3


@pytest.fixture
def mpi() -> None:
    found = subprocess.run([MPI, "-c", "import mpi4py"], check=False, capture_output=True)
    if found.returncode != 0 or shutil.which("mpirun") is None:
        pytest.skip(f"needs Open MPI, and mpi4py in {MPI}: apt-get install openmpi-bin python3-mpi4py")


@pytest.mark.mpi
async def test_each_rank_is_told_as_a_process_of_its_worker(
    settings: Settings, backend: Backend, spec: Spec, mpi: None
) -> None:
    job = Job(spec(RANKS, framework="mpi", roles=MPI_ROLES, nproc=2, python=MPI), settings, backend)
    await job.until(lambda: job.lines("begun") == 4)
    others = "the other 3 wait at line 7 (comm.barrier())"
    where = f"worker-1 process 0 stands at Cell In[7], line 6 (time.sleep(0.05)); {others}"
    assert await job.sentence(where) == where
    assert (await job.goes_on()).outcome.phase is Phase.SUCCEEDED
