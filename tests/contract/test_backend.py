"""The local backend keeps what every backend promises, and some more. Each test runs real processes."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ciao.backends.base import Backend
from ciao.backends.local.backend import Local
from ciao.backends.local.pruning import prune_jobs
from ciao.errors import CreateRefused, StateError
from ciao.home import JobFolder
from ciao.model import (
    Event,
    Folder,
    Job,
    JobSpec,
    Lines,
    Notice,
    Phase,
    Role,
    RoleSpec,
    Target,
)
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from contract.backend import *  # noqa: F403  # its tests are found here
from contract.backend import FOREVER, until, up
from fakes.processes import left_of
from fakes.told import Create, Ran, Run, Spec


async def test_processes_that_a_replica_left_behind_end_with_it(job: Create, spec: Spec, backend: Backend) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
    name = await job(spec("import time; time.sleep(0.7)\n" + code + FOREVER))
    await until(name, backend, up(2))
    await backend.cancel(name)
    assert left_of(name) == []


async def test_two_jobs_at_once_have_ports_of_their_own(job: Create, spec: Spec, backend: Backend) -> None:
    code = "import os; print(os.environ['MASTER_PORT'])\n" + FOREVER
    names = [await job(spec(code, workers=1)) for _ in range(2)]
    ports = [texts(await until(n, backend, up(1)))[0] for n in names]
    assert ports[0] != ports[1]
    for name in names:
        await backend.cancel(name)


def texts(events: list[Event]) -> list[str]:
    return [x.text for e in events if isinstance(e, Lines) for x in e.lines]


async def test_a_plan_creates_nothing(spec: Spec, backend: Backend, settings: Settings) -> None:
    asked = spec("pass")
    text = await backend.plan(
        asked, Job.named(asked, backend="local", now=0.0), Folder(path=settings.home, entry="cell.py")
    )
    assert "WORLD_SIZE: '2'" in text
    assert not settings.home.exists()


@pytest.mark.parametrize("python", ["/nowhere/python3", "no-such-python", "/bin/ls"])
async def test_a_python_that_is_none_is_refused(spec: Spec, backend: Backend, python: str) -> None:
    with pytest.raises(CreateRefused, match="Python"):
        await backend.check(spec("pass", python=python))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends replicas with their supervisor")
async def test_a_job_whose_supervisor_was_killed_is_lost_and_leaves_no_process(
    job: Create, spec: Spec, backend: Backend, settings: Settings
) -> None:
    name = await job(spec(FOREVER))
    await until(name, backend, up(2))
    os.kill(int((settings.home / "jobs" / name / "lock").read_text()), signal.SIGKILL)
    ran = Ran([e async for e in backend.watch(name)])
    assert ran.outcome.phase is Phase.LOST
    assert left_of(name) == []
    assert (await backend.job(name)).phase is Phase.LOST


async def test_jobs_that_ended_are_pruned_by_the_rule(run: Run, spec: Spec, settings: Settings) -> None:
    await run(spec("pass", workers=1))
    while any(f.supervised() for f in JobFolder.all(settings.home)):  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.01)
    strict = Local(dataclasses.replace(settings, keep_bytes=0))
    job = Job.named(spec("pass"), backend="local", now=1.0)
    await strict.create(spec("pass"), job, await Directory(settings).build(spec("pass"), job, Target(), print))
    assert [s.job.name for s in await strict.jobs()] == [job.name]
    await strict.cancel(job.name)


async def test_a_full_disk_refuses_the_job_and_leaves_nothing(spec: Spec, small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    with pytest.raises(StateError, match="the disk is full"):
        await _create(Local(settings), settings, spec("x = '" + "x" * 2_000_000 + "'"))
    assert list((small_disk / "home" / "jobs").iterdir()) == []


async def test_a_disk_that_fills_up_costs_lines_but_not_the_training(spec: Spec, small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    backend = Local(settings)
    name = await _create(backend, settings, spec("for i in range(3000): print('x' * 1000)", workers=1))
    ran = Ran([e async for e in backend.watch(name)])
    assert ran.outcome.phase is Phase.SUCCEEDED
    assert any("bytes of the log were lost: the disk was full" in e.text for e in ran.events if isinstance(e, Notice))


async def test_a_read_only_folder_refuses_the_job(spec: Spec, read_only_disk: Path) -> None:
    settings = Settings(home=read_only_disk / "home")
    with pytest.raises(StateError, match="the file system is read-only"):
        await _create(Local(settings), settings, spec("pass"))


async def _create(backend: Backend, settings: Settings, asked: JobSpec) -> str:
    job = Job.named(asked, backend="local", now=time.time())
    await backend.create(asked, job, await Directory(settings).build(asked, job, Target(), print))
    return job.name


async def test_workers_may_finish_what_they_do_when_the_master_is_done(spec: Spec, settings: Settings) -> None:
    patient = dataclasses.replace(settings, grace=60.0)
    backend = Local(patient)
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=1))
    code = "import os, time\nif os.environ['CIAO_ROLE'] == 'worker':\n    time.sleep(0.3)\n    print('shard written')\n"
    name = await _create(backend, patient, spec(code, roles=roles))
    ran = Ran([e async for e in backend.watch(name)])
    assert (ran.outcome.phase, ran.lines("worker-0")) == (Phase.SUCCEEDED, ["shard written"])


async def test_workers_that_were_ended_after_success_are_named(run: Run, spec: Spec) -> None:
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=1))
    ran = await run(
        spec("import os\nif os.environ['CIAO_ROLE'] == 'worker':\n    " + FOREVER.replace("\n", "\n    "), roles=roles)
    )
    notices = [e.text for e in ran.events if isinstance(e, Notice)]
    assert notices == ["the job had succeeded, so these were ended while they still ran: worker-0"]


async def test_what_the_code_wrote_is_named_at_the_end(run: Run, spec: Spec, settings: Settings) -> None:
    ran = await run(spec("open('model.pt', 'w').write('weights')", workers=1))
    (notice,) = [e.text for e in ran.events if isinstance(e, Notice)]
    (folder,) = (settings.home / "jobs").iterdir()
    assert notice == f"files of the job in {folder / 'work'}: model.pt"


async def test_what_the_code_wrote_is_never_pruned(run: Run, spec: Spec, settings: Settings) -> None:
    await run(spec("open('model.pt', 'w').write('weights')", workers=1))
    (folder,) = JobFolder.all(settings.home)
    while folder.supervised():  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.01)
    prune_jobs(settings.home, keep_for=0.0, keep_bytes=0, now=time.time() + 1e9)
    assert (folder.work / "model.pt").read_text() == "weights"
    assert not folder.logs.exists()
    assert (await Local(settings).job(folder.path.name)).phase is Phase.SUCCEEDED


async def test_a_missing_package_says_which_python_lacks_it(run: Run, spec: Spec) -> None:
    ran = await run(spec("import no_such_package", workers=1))
    assert ran.outcome.hint == (
        f"worker-0 runs {sys.executable}: add %package=no_such_package, install it there, "
        "or choose another Python with %python="
    )


async def test_the_words_of_an_exit_are_kept(run: Run, spec: Spec) -> None:
    ran = await run(spec("raise SystemExit('no data found')", workers=1))
    assert ran.failure.evalue == "no data found (exit code 1)"


async def test_variables_that_the_job_needs_itself_are_warned_of(spec: Spec, backend: Backend) -> None:
    (notice,) = await backend.check(spec("pass", env={"RANK": "5", "MINE": "x"}))
    assert notice.text == "%env. has no effect on RANK: the job sets it for each replica"
