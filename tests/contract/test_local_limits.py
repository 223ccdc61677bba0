"""The local backend where something is in the way. Each test is about real processes or real files."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.backends.local import ports, starting, watching
from ciao.errors import CreateRefused, JobNotFound, StateError
from ciao.home import JobFolder
from ciao.model import Event, Finished, Job, Notice, Phase, Summary, Target
from ciao.s2i.directory import Directory
from ciao.settings import Settings
from fakes.processes import LINUX, left_of
from fakes.told import Create, Run, Spec

FOREVER = "import time\nwhile True: time.sleep(0.05)\n"


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "jobs/..", "a\0b", "x" * 300])
async def test_what_no_job_is_called_ends_and_removes_nothing(
    run: Run, spec: Spec, backend: Backend, settings: Settings, name: str
) -> None:
    await run(spec("pass", workers=1))
    for asked in (backend.cancel, backend.delete, backend.job):
        with pytest.raises(JobNotFound):
            await asked(name)
    assert len(await backend.jobs()) == 1


async def test_a_job_that_is_refused_for_want_of_ports_leaves_no_folder(
    job: Create, spec: Spec, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "FIRST", 28131)
    monkeypatch.setattr(ports, "LAST", 28132)
    with pytest.raises(CreateRefused, match="only 2 of 3 TCP ports"):
        await job(spec("pass", workers=3))
    assert list((settings.home / "jobs").iterdir()) == []


async def test_a_supervisor_that_cannot_start_is_said_and_leaves_nothing(
    job: Create, spec: Spec, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(CreateRefused, match="supervisor could not be started with /nowhere/python"):
        await job(spec("pass", python="/usr/bin/python3"))
    assert list((settings.home / "jobs").iterdir()) == []


async def test_a_job_that_is_being_created_is_not_taken_for_lost(
    job: Create, spec: Spec, backend: Backend, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Summary] = []
    real = starting._supervisor

    def looked_at(folder: JobFolder, *args: object) -> object:
        listing = threading.Thread(target=lambda: seen.extend(asyncio.run(_jobs(backend))))
        listing.start()
        listing.join()
        return real(folder, *args)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(starting, "_supervisor", looked_at)
    name = await job(spec(FOREVER))
    assert [s.phase for s in seen] == [Phase.PENDING]
    assert (await backend.cancel(name)).phase is Phase.CANCELLED


async def _jobs(backend: Backend) -> list[Summary]:
    return list(await backend.jobs())


async def test_a_job_whose_supervisor_has_no_id_yet_is_cancelled_when_it_has(
    job: Create, spec: Spec, backend: Backend, settings: Settings
) -> None:
    name = await job(spec(FOREVER))
    async with asyncio.timeout(60):
        while (await backend.job(name)).started is None:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.01)
    lock = JobFolder.of(settings.home, name).lock_file
    pid = lock.read_text()
    lock.write_text("")
    cancelling = asyncio.create_task(backend.cancel(name))
    await asyncio.sleep(0.05)
    assert not cancelling.done()
    lock.write_text(pid)
    assert (await cancelling).phase is Phase.CANCELLED


async def test_a_second_job_of_one_name_does_not_touch_the_first(
    spec: Spec, backend: Backend, settings: Settings
) -> None:
    asked = spec(FOREVER)
    job = Job.named(asked, backend="local", now=time.time())
    await backend.create(asked, job, await Directory(settings).build(asked, job, Target(), print))
    with pytest.raises(StateError, match="it is there already"):
        await Directory(settings).build(asked, job, Target(), print)
    assert not (await backend.job(job.name)).phase.ended
    await backend.cancel(job.name)


async def test_one_folder_that_cannot_be_read_does_not_hide_the_others(
    run: Run, spec: Spec, backend: Backend, settings: Settings
) -> None:
    await run(spec("pass", workers=1))
    for name, text in {"list": "[]", "number": "7", "text": "no", "void": "", "other": '{"schema": 9}'}.items():
        (settings.home / "jobs" / name).mkdir()
        (settings.home / "jobs" / name / "job.json").write_text(text)
    assert len(await backend.jobs()) == 1


LEAVER = """
import json, logging, sys, threading
from pathlib import Path
logging.getLogger("asyncio").setLevel(logging.ERROR)  # in this mode it warns of every tenth of a second that was busy
from ciao.model import Cell, JobSpec, Lines, Role, RoleSpec
from ciao.session import Session
from ciao.settings import Settings
code = "while True: print('x', flush=True)"
roles = (RoleSpec(role=Role.WORKER, count=1),)
spec = JobSpec(cell=Cell(text=code), code=code, framework="jax", roles=roles)
up = threading.Event()
Session(Settings(home=Path(sys.argv[1]))).run(spec, lambda event: up.set() if isinstance(event, Lines) else None)
assert up.wait(60)
"""


async def test_a_process_that_leaves_its_job_says_nothing_and_the_job_goes_on(
    backend: Backend, settings: Settings
) -> None:
    words = [sys.executable, "-X", "dev", "-c", LEAVER, str(settings.home)]
    left = await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True, timeout=100)
    assert (left.stdout, left.stderr) == (b"", b"")
    (summary,) = await backend.jobs()
    assert summary.phase is Phase.RUNNING
    await backend.cancel(summary.job.name)


async def test_a_job_that_is_deleted_while_others_watch_has_an_end_for_them(
    job: Create, spec: Spec, backend: Backend
) -> None:
    name = await job(spec(FOREVER))
    watchers = [asyncio.create_task(_watched(backend, name)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await backend.delete(name)
    async with asyncio.timeout(60):
        assert {type(await w) for w in watchers} == {Finished}
    assert await backend.jobs() == []


async def _watched(backend: Backend, name: str) -> Event:
    last: Event = Notice(text="nothing")
    async with aclosing(backend.watch(name)) as events:
        async for event in events:
            last = event
    return last


@LINUX
async def test_a_lost_job_is_told_though_its_disk_takes_nothing_and_leaves_no_process(
    job: Create, spec: Spec, backend: Backend, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await job(spec("import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n" + FOREVER))
    async with asyncio.timeout(60):
        while not any(b"sleep" in line for line in left_of(name)):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.02)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(watching, "append", full)
    os.kill(int((settings.home / "jobs" / name / "lock").read_text()), signal.SIGKILL)
    async with asyncio.timeout(60):
        while (await backend.job(name)).phase is not Phase.LOST:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.02)
        while left_of(name):  # noqa: ASYNC110  # other processes
            await asyncio.sleep(0.02)
