"""What every backend promises; each runs real replicas. A folder of tests gives the fixtures, and takes all of this in:

    from contract.backend import *

``backend``, ``spec``, ``run`` and ``job`` are as in fakes/local.py; ``left`` is what is left of a job by its name.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.errors import BackendError, JobNotFound
from ciao.model import (
    Attempt,
    Event,
    Finished,
    Lines,
    Phase,
    ReplicaChanged,
    ReplicaState,
    Role,
    RoleSpec,
    Standing,
    Thread,
)
from fakes.told import Create, Run, Spec

Left = Callable[[str], list[object]]

FOREVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.05)\n"


async def until(
    name: str, backend: Backend, wanted: Callable[[list[Event]], bool], *, replica: str | None = None
) -> list[Event]:
    """Watch a job until its events so far are what the test waits for."""
    seen: list[Event] = []
    async with asyncio.timeout(90), aclosing(backend.watch(name, replica=replica)) as events:
        async for event in events:
            seen.append(event)
            if wanted(seen):
                return seen
    raise AssertionError(f"the job ended first: {seen[-1]}")


def up(count: int) -> Callable[[list[Event]], bool]:
    """So many replicas have said ``up``."""
    return lambda seen: (
        len({x.replica for e in seen if isinstance(e, Lines) for x in e.lines if x.text == "up"}) == count
    )


async def test_every_line_of_every_replica_comes_once_and_in_order(run: Run, spec: Spec) -> None:
    ran = await run(spec("for i in range(2000): print(i)", workers=3))
    assert ran.outcome.phase is Phase.SUCCEEDED
    assert [ran.lines(f"worker-{i}") for i in range(3)] == [[str(n) for n in range(2000)]] * 3


async def test_a_job_that_ended_is_told_again_the_same_way(run: Run, spec: Spec, backend: Backend) -> None:
    await run(spec("print('hello')"))
    (summary,) = await backend.jobs()
    again = [e async for e in backend.watch(summary.job.name)]
    assert sorted(x.replica for e in again if isinstance(e, Lines) for x in e.lines) == ["worker-0", "worker-1"]
    assert isinstance(again[-1], Finished)


async def test_the_error_of_the_code_is_the_failure_with_its_line(run: Run, spec: Spec) -> None:
    ran = await run(spec("import os\nif os.environ['RANK'] == '1':\n    raise ValueError('no')\n" + FOREVER))
    failure = ran.failure
    assert (ran.outcome.phase, failure.replica, failure.ename, failure.evalue) == (
        "failed",
        "worker-1",
        "ValueError",
        "no",
    )
    assert failure.error is not None
    assert [(f.line, f.in_cell) for f in failure.error.frames] == [(3, True)]


@pytest.mark.parametrize(
    ("code", "ename", "words"),
    [
        ("import sys; sys.exit(3)", "SystemExit", "exit code 3"),
        ("import os; os._exit(4)", "SystemExit", "exit code 4"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", "killed"),
    ],
)
async def test_a_death_without_an_exception_says_what_it_was(
    run: Run, spec: Spec, code: str, ename: str, words: str
) -> None:
    ran = await run(spec(f"import os\nif os.environ['RANK'] == '1':\n    {code}\n" + FOREVER))
    failure = ran.failure
    assert (failure.replica, failure.ename) == ("worker-1", ename)
    assert words in failure.evalue


async def test_those_that_lost_their_peer_are_not_the_cause(run: Run, spec: Spec) -> None:
    code = """
import os, signal, socket, time
where = os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT'])
if os.environ['RANK'] == '0':
    other = socket.create_server(('', where[1])).accept()
    raise RuntimeError('[enforce fail at pair.cc] Connection closed by peer [127.0.0.1]:1234')
while True:
    try:
        other = socket.create_connection(where)
        break
    except OSError:
        time.sleep(0.05)
other.recv(1)  # until that one has ended
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = await run(spec(code))
    assert ran.failure.ename == "SIGKILL"
    assert [f.ename for f in ran.outcome.others] == ["RuntimeError"]


async def test_a_cancelled_job_leaves_no_process(job: Create, spec: Spec, backend: Backend, left: Left) -> None:
    name = await job(spec(FOREVER))
    await until(name, backend, up(2))
    outcome = await backend.cancel(name)
    assert outcome.phase is Phase.CANCELLED
    assert left(name) == []


async def test_code_that_ignores_sigterm_is_cancelled_all_the_same(
    job: Create, spec: Spec, backend: Backend, left: Left
) -> None:
    name = await job(spec("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER))
    await until(name, backend, up(2))
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left(name) == []


async def test_a_job_may_be_cancelled_as_soon_as_it_is_created(
    job: Create, spec: Spec, backend: Backend, left: Left
) -> None:
    name = await job(spec(FOREVER))
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left(name) == []


async def test_the_others_end_when_the_master_is_done(run: Run, spec: Spec) -> None:
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=1))
    code = "import os\nif os.environ['CIAO_ROLE'] == 'worker':\n    while True: __import__('time').sleep(0.05)\n"
    ran = await run(spec(code, roles=roles))
    states = {e.status.replica: e.status.state for e in ran.events if isinstance(e, ReplicaChanged)}
    assert ran.outcome.phase is Phase.SUCCEEDED
    assert states == {"master-0": ReplicaState.SUCCEEDED, "worker-0": ReplicaState.ENDED}


async def test_a_failed_group_is_started_again_and_the_error_before_is_kept(run: Run, spec: Spec) -> None:
    code = "import os\nn = int(os.environ['CIAO_ATTEMPT'])\nif n < 3:\n    raise ValueError(f'try {n}')\nprint(n)"
    ran = await run(spec(code, workers=1, retries=2))
    assert (ran.outcome.phase, ran.outcome.attempts) == (Phase.SUCCEEDED, 3)
    assert ran.lines("worker-0")[-1] == "3"
    assert [f.evalue for f in ran.outcome.previous] == ["try 1", "try 2"]
    assert [e.number for e in ran.events if isinstance(e, Attempt)] == [2, 3]


async def test_a_job_that_runs_too_long_is_ended(run: Run, spec: Spec) -> None:
    ran = await run(spec(FOREVER, timeout=1.0))
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "DeadlineExceeded")


async def test_two_watchers_see_the_same(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec("for i in range(500): print(i)"))

    async def texts() -> list[str]:
        return [x.text for e in [e async for e in backend.watch(name)] if isinstance(e, Lines) for x in e.lines]

    first, second = await asyncio.gather(texts(), texts())
    assert sorted(first) == sorted(second) == sorted(map(str, itertools.chain(range(500), range(500))))


async def test_jobs_are_listed_newest_first(run: Run, spec: Spec, backend: Backend) -> None:
    for label in ("one", "two"):
        await run(spec("pass", name=label, workers=1))
    assert [s.job.name[:3] for s in await backend.jobs()] == ["two", "one"]


async def test_a_name_that_no_job_has_is_answered_with_the_nearest(run: Run, spec: Spec, backend: Backend) -> None:
    await run(spec("pass", name="trainer", workers=1))
    (summary,) = await backend.jobs()
    with pytest.raises(JobNotFound, match=f"Did you mean {summary.job.name}"):
        await backend.job(summary.job.name[:-1])


async def test_a_deleted_job_is_gone(job: Create, spec: Spec, backend: Backend, left: Left) -> None:
    name = await job(spec(FOREVER))
    await backend.delete(name)
    assert await backend.jobs() == []
    assert left(name) == []


STANDING = """
import ctypes, os, signal, threading
def wait_here(event):
    event.wait()
if os.environ['RANK'] == '3':
    print('up')
    raise SystemExit(0)
if os.environ['RANK'] == '2':
    print('up')
    os.kill(os.getpid(), signal.SIGSTOP)
threading.Thread(target=wait_here, args=[threading.Event()], daemon=True).start()
print('up')
if os.environ['RANK'] == '1':
    ctypes.PyDLL(None).pause()  # no other thread can run
wait_here(threading.Event())
"""


async def test_each_replica_tells_where_it_stands_or_why_it_does_not(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec(STANDING, workers=4))
    await until(name, backend, lambda seen: up(4)(seen) and _ended(seen, "worker-3"))
    await _stands(name, backend, "worker-2", lambda one: "SIGSTOP" in one.silent)  # each says "up" a moment before
    await _stands(name, backend, "worker-0", lambda one: [len(_places(thread)) for thread in one.threads] == [2, 1])
    told = {one.replica: one for one in await backend.stacks(name)}
    assert list(told) == [f"worker-{n}" for n in range(4)]
    assert _places(told["worker-0"].threads[0]) == [
        (15, "<module>", ("wait_here(threading.Event())",)),
        (4, "wait_here", ("event.wait()",)),
    ]
    assert [f.line for f in told["worker-0"].threads[1].frames if f.in_cell] == [4]
    assert [f.line for f in told["worker-1"].threads[0].frames] == [14]
    assert (told["worker-2"].silent, told["worker-3"].silent) == ("it is stopped (SIGSTOP)", "it has succeeded")
    assert [one.replica for one in await backend.stacks(name, replica="worker-1")] == ["worker-1"]
    await backend.cancel(name)
    with pytest.raises(BackendError, match=f"the job {name} is over"):
        await backend.stacks(name)


async def test_processes_of_a_replica_tell_each_for_itself(job: Create, spec: Spec, backend: Backend) -> None:
    code = "import os, time\nprint('up')\nif os.environ['RANK'] == '1': time.sleep(1000)\n" + FOREVER
    name = await job(spec(code, workers=1, nproc=2))
    await until(name, backend, lambda seen: sum(len(e.lines) for e in seen if isinstance(e, Lines)) >= 3)
    told = await backend.stacks(name)
    assert [(one.name, one.threads[0].frames[0].line > 3) for one in told] == [
        ("worker-0 process 0", True),
        ("worker-0 process 1", False),
    ]
    await backend.cancel(name)


async def _stands(name: str, backend: Backend, replica: str, wanted: Callable[[Standing], object]) -> None:
    deadline = time.monotonic() + 90
    while not wanted(one := (await backend.stacks(name, replica=replica))[0]):
        assert time.monotonic() < deadline, one


def _places(thread: Thread) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(frame.line, frame.function, frame.source) for frame in thread.frames if frame.in_cell]


def _ended(seen: list[Event], replica: str) -> bool:
    return any(
        isinstance(e, ReplicaChanged) and e.status.replica == replica and e.status.state is ReplicaState.SUCCEEDED
        for e in seen
    )
