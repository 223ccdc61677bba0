"""Several processes in each replica of the local backend, as in pods. All of them are real."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.home import JobFolder
from ciao.model import Lines, Phase
from ciao.settings import Settings
from fakes.processes import LINUX, left_of
from fakes.told import Create, Run, Spec

WHO = """import os
names = ("CIAO_REPLICA", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
print(*(os.environ[name] for name in names))
"""

WAITING = """import os, threading
from pathlib import Path
print("up", os.environ["RANK"])
threading.Event().wait()
"""

AFTER_ANOTHER = """import os, time
from pathlib import Path
if os.environ["RANK"] == "1":
    {death}
while Path("/proc", Path("one").read_text() if Path("one").exists() else "self").exists():
    time.sleep(0.005)
raise ConnectionResetError("its peer is gone")
"""

KILLED = "killed by hand or by another program, not for want of memory"


async def test_each_has_its_rank_among_all(run: Run, spec: Spec) -> None:
    ran = await run(spec(WHO, nproc=2))
    assert sorted(ran.lines("worker-0")) == ["worker-0 0 4 0 2", "worker-0 1 4 1 2"]
    assert sorted(ran.lines("worker-1")) == ["worker-1 2 4 0 2", "worker-1 3 4 1 2"]
    assert ran.outcome.phase is Phase.SUCCEEDED


async def test_the_exception_of_one_is_the_jobs_and_ends_the_others(run: Run, spec: Spec, settings: Settings) -> None:
    wait = "\nthreading.Event().wait()"
    code = "import os, threading\nif os.environ['RANK'] == '2':\n    raise ValueError('bad batch')" + wait
    ran = await run(spec(code, nproc=2))
    failure = ran.failure
    assert (failure.replica, failure.ename, failure.evalue) == ("worker-1", "ValueError", "bad batch")
    assert failure.error is not None
    assert [(f.line, f.in_cell) for f in failure.error.frames] == [(3, True)]
    assert not any("\x1e" in line for line in ran.lines("worker-1"))


@LINUX
@pytest.mark.parametrize(
    ("death", "named"),
    [
        pytest.param("os.kill(os.getpid(), 9)", ("SIGKILL", KILLED), id="killed"),
        pytest.param("os._exit(3)", ("SystemExit", "exit code 3"), id="leaves"),
    ],
)
async def test_a_death_comes_before_the_errors_of_those_who_lost_it(
    run: Run, spec: Spec, death: str, named: tuple[str, str]
) -> None:
    dies = f"Path('one.part').write_text(str(os.getpid())); os.replace('one.part', 'one'); {death}"
    ran = await run(spec(AFTER_ANOTHER.format(death=dies), workers=1, nproc=3))
    assert (ran.failure.replica, ran.failure.ename) == ("worker-0", named[0]), ran.outcome
    assert named[1] in ran.failure.evalue


@LINUX
async def test_cancelling_leaves_none(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec(WAITING, nproc=2))
    await _all_up(name, backend, 4)
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left_of(name) == []


@LINUX
async def test_they_end_with_a_supervisor_that_is_killed(
    job: Create, spec: Spec, backend: Backend, settings: Settings
) -> None:
    name = await job(spec(WAITING, workers=1, nproc=3))
    await _all_up(name, backend, 3)
    os.kill(int(JobFolder.of(settings.home, name).lock_file.read_text()), signal.SIGKILL)
    async with asyncio.timeout(60):
        while left_of(name):  # noqa: ASYNC110  # other processes
            await asyncio.sleep(0.02)


async def _all_up(name: str, backend: Backend, count: int) -> None:
    up = 0
    async with asyncio.timeout(60), aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, Lines):
                up += sum(line.text.startswith("up ") for line in event.lines)
            if up == count:
                return


@pytest.mark.parametrize("nproc", [1, 2])
async def test_a_crash_when_python_ends_is_told_and_fails_nothing(run: Run, spec: Spec, nproc: int) -> None:
    code = "import os\nclass Late:\n    def __del__(self, end=os.abort): end()\nlate = Late()\nprint('trained')"
    ran = await run(spec(code, nproc=nproc))
    assert ran.outcome.phase is Phase.SUCCEEDED
    words = "ciao: SIGABRT while Python ended, when the code was done: the replica has succeeded"
    assert ran.lines("worker-0").count(words) == nproc
