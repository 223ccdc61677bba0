"""The supervisor of local jobs, and replicas that behave badly. Real processes."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ciao.backends.base import Backend
from ciao.backends.local import starting
from ciao.backends.local.backend import Local
from ciao.home import JobFolder
from ciao.model import CleanPolicy, Created, Job, Lines, Notice, Phase, ReplicaState, Role, RoleSpec, Target
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from fakes.processes import LINUX, left_of
from fakes.told import Create, Ran, Run, Spec

FOREVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.05)\n"
ALONE = "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
"""Starts a process that leaves its group, and holds the pipes."""


async def up(name: str, backend: Backend) -> None:
    async with asyncio.timeout(60), aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, Lines):
                return


@pytest.mark.parametrize(
    "record",
    ['{"type":"error","error":[1]}', "[]", '{"type":[]}', "\xff", '{"type":"x","a":' + "[" * 990 + "]" * 990 + "}"],
)
async def test_whatever_is_written_where_records_go_the_job_goes_on(run: Run, spec: Spec, record: str) -> None:
    code = f"""
import os
for fd in range(3, 20):
    try: os.write(fd, {record!r}.encode("latin-1") + b"\\n")
    except OSError: pass
print("done")
"""
    ran = await run(spec(code, workers=1))
    assert ran.outcome.phase is not Phase.LOST
    assert ran.lines("worker-0") == ["done"]


async def test_a_replica_that_was_stopped_is_cancelled(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec("import os\nprint('up', flush=True)\nos.kill(os.getpid(), 19)", workers=1))
    await up(name, backend)
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left_of(name) == []


async def test_a_replica_that_closed_its_output_lives_on(run: Run, spec: Spec) -> None:
    code = "import os, time\nprint('up', flush=True)\nos.close(1); os.close(2)\ntime.sleep(0.2)\nos._exit(0)"
    ran = await run(spec(code, workers=1))
    assert (ran.outcome.phase, ran.lines("worker-0")) == (Phase.SUCCEEDED, ["up"])


@LINUX
async def test_who_leaves_before_it_can_be_adopted_ends_with_the_job(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec(ALONE + "import os; os._exit(0)", workers=1))
    async with aclosing(backend.watch(name)) as events:
        ran = Ran([event async for event in events])
    assert ran.outcome.phase is Phase.SUCCEEDED
    assert left_of(name) == []


@LINUX
async def test_who_holds_the_pipes_of_a_replica_that_ended_ends_too(job: Create, spec: Spec, backend: Backend) -> None:
    code = "import os\nif os.environ['RANK'] == '1':\n    import subprocess, sys\n"
    code += "    subprocess.Popen(['sleep', '1000'], start_new_session=True)\n    sys.exit()\n" + FOREVER
    name = await job(spec(code))
    async with asyncio.timeout(60):
        while {r.replica: r.state for r in (await backend.job(name)).replicas}["worker-1"] != "succeeded":  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.02)
    assert len(left_of(name)) == 1
    await backend.cancel(name)


async def test_what_a_replica_says_when_it_is_ended_is_not_the_cause(run: Run, spec: Spec) -> None:
    code = """
import os, signal, sys, time
if os.environ["RANK"] == "0":
    raise ConnectionRefusedError("the database")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
while True: time.sleep(0.05)
"""
    ran = await run(spec(code))
    assert (ran.failure.replica, ran.failure.ename, ran.outcome.others) == ("worker-0", "ConnectionRefusedError", ())


async def test_a_job_that_was_cancelled_before_its_supervisor_listens_starts_nothing(
    job: Create, spec: Spec, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = starting._supervisor

    def supervisor(folder: JobFolder, locks: tuple[int, ...]) -> object:
        folder.cancel_file.touch()
        return real(folder, locks)

    monkeypatch.setattr(starting, "_supervisor", supervisor)
    name = await job(spec(FOREVER))
    async with aclosing(backend.watch(name)) as events:
        ran = Ran([event async for event in events])
    summary = await backend.job(name)
    assert (ran.outcome.phase, summary.started) == (Phase.CANCELLED, None)
    assert {r.state for r in summary.replicas} == {ReplicaState.ENDED}


async def test_a_job_can_be_cancelled_though_who_started_it_was_killed_before_it_noted_the_supervisor(
    job: Create, spec: Spec, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = starting._supervisor

    def supervisor(folder: JobFolder, locks: tuple[int, ...]) -> object:
        return SimpleNamespace(pid="", wait=real(folder, locks).wait)

    monkeypatch.setattr(starting, "_supervisor", supervisor)
    name = await job(spec(FOREVER))
    await up(name, backend)
    async with asyncio.timeout(60):
        assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left_of(name) == []


async def test_a_variable_that_no_process_can_have_is_said(run: Run, spec: Spec) -> None:
    ran = await run(spec("pass", env={"A": "b\0c"}))
    assert (ran.failure.ename, ran.failure.evalue) == ("StartError", "it could not be started: embedded null byte")


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = sum(1 for _ in Path("/dev/fd").iterdir())  # tests before this one may have left some open
    resource.setrlimit(resource.RLIMIT_NOFILE, (ours + 50, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_low_limit_of_open_files_is_enough_for_many_replicas(run: Run, spec: Spec, few_files: None) -> None:
    ran = await run(spec("pass", workers=16))
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome


async def test_a_failure_is_told_though_the_disk_is_full(spec: Spec, small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    backend = Local(settings)
    asked = spec("for i in range(3000): print('x' * 1000)\nraise ValueError('y' * 20_000)", workers=1)
    job = Job.named(asked, backend="local", now=1.0)
    await backend.create(asked, job, await Directory(settings).build(asked, job, Target(), print))
    async with aclosing(backend.watch(job.name)) as events:
        ran = Ran([event async for event in events])
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "ValueError")


@pytest.mark.parametrize("policy", list(CleanPolicy))
async def test_no_clean_policy_leaves_a_process_running_and_none_says_so(
    run: Run, spec: Spec, policy: CleanPolicy
) -> None:
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=1))
    code = "import os\nif os.environ['CIAO_ROLE'] == 'worker':\n    while True: __import__('time').sleep(0.05)\n"
    ran = await run(spec(code, roles=roles, clean_policy=policy))
    (job,) = [e.job for e in ran.events if isinstance(e, Created)]
    said = [e.text for e in ran.events if isinstance(e, Notice)]
    assert (ran.outcome.phase, left_of(job.name)) == (Phase.SUCCEEDED, [])
    words = "on the local backend cleanPolicy=none means running: what still runs is ended"
    ended = "the job had succeeded, so these were ended while they still ran: worker-0"
    assert said == ([words, ended] if policy is CleanPolicy.NONE else [ended])


async def test_a_system_without_what_only_linux_has_runs_and_cancels_jobs(
    run: Run, job: Create, spec: Spec, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "SUPERVISE", "import sys; sys.platform = 'darwin'\n" + starting.SUPERVISE)
    assert (await run(spec("pass"))).outcome.phase is Phase.SUCCEEDED
    assert (await run(spec("raise ValueError"))).failure.ename == "ValueError"
    name = await job(spec(FOREVER))
    await up(name, backend)
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left_of(name) == []
