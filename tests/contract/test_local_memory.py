"""Memory and cores of replicas on the local backend. Real processes, each of at most a few hundred megabytes."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.backends.local import backend as local
from ciao.backends.local import starting
from ciao.backends.local.devices import cores
from ciao.model import Attempt, Job, Notice, Phase, Resources, Role, RoleSpec
from fakes.processes import LINUX, left_of
from fakes.told import Create, Ran, Run, Spec

pytestmark = LINUX

HALF = "kept = bytearray(b'x') * (400 * 1024**2)\n"
FOREVER = "import time\nwhile True: time.sleep(0.05)\n"
LIMITED = "it used more memory than its limit of 200Mi: "


def roles(count: int = 2, **asked: str) -> tuple[RoleSpec, ...]:
    return (RoleSpec(role=Role.WORKER, count=count, resources=Resources(**asked)),)  # type: ignore[arg-type]  # texts


async def test_a_replica_beyond_its_memory_is_ended_as_on_a_cluster(run: Run, spec: Spec) -> None:
    code = f"import os\nif os.environ['RANK'] == '1':\n    {HALF}{FOREVER}"
    ran = await run(spec(code, roles=roles(memory="200Mi")))
    failure = ran.failure
    assert (ran.outcome.phase, failure.replica, failure.ename, failure.kind) == (
        Phase.FAILED, "worker-1", "OOMKilled", "signal",
    )  # fmt: skip
    assert failure.evalue.startswith(LIMITED)
    used, ended = failure.evalue.removeprefix(LIMITED).split(" when it was ended ")
    assert ended == "(exit code 137)"
    assert used == "barely more" or 200 < int(used.removesuffix("Mi")) < 450
    assert ran.outcome.hint in {f"Raise it, for example %worker=2;%memory={more}Mi" for more in (400, 800)}


async def test_the_processes_that_a_replica_starts_count_and_end_with_it(
    job: Create, spec: Spec, backend: Backend
) -> None:
    part = "kept = bytearray(b'x') * (120 * 1024**2); import time; time.sleep(1000)"
    code = f"import subprocess, sys\nfor _ in range(2): subprocess.Popen([sys.executable, '-c', {part!r}],"
    name = await job(spec(f"{code} start_new_session=True)\n{FOREVER}", roles=roles(1, memory="200Mi")))
    async with aclosing(backend.watch(name)) as events:
        ran = Ran([event async for event in events])
    assert (ran.failure.ename, ran.failure.evalue[: len(LIMITED)]) == ("OOMKilled", LIMITED)
    assert left_of(name) == []


async def test_those_that_lost_the_one_without_memory_failed_because_of_it(
    run: Run, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = starting.SUPERVISE.split("\n", 1)
    patient = "import ciao.backends.local.rules as rules; rules.SETTLE = 60.0"  # that it is short is not the point
    monkeypatch.setattr(starting, "SUPERVISE", f"{first}\n{patient}\n{second}")
    code = f"""
import os, socket
me, other = int(os.environ["RANK"]), socket.socket()
if me == 0:
    other.bind(("127.0.0.1", int(os.environ["MASTER_PORT"])))
    other.listen()
    peer, _ = other.accept()
    assert peer.recv(1), "no more data"
while other.connect_ex(("127.0.0.1", int(os.environ["MASTER_PORT"]))): pass
{HALF}{FOREVER}"""
    ran = await run(spec(code, roles=roles(memory="200Mi")))
    assert (ran.failure.replica, ran.failure.ename) == ("worker-1", "OOMKilled")
    assert [(f.replica, f.ename) for f in ran.outcome.others] == [("worker-0", "AssertionError")]


async def test_memory_that_several_processes_share_is_no_reason_to_end_them(run: Run, spec: Spec) -> None:
    code = """
import os
kept = bytearray(b"x") * (100 * 1024**2)
children = []
for _ in range(4):
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    children.append((pid, writer))
for pid, writer in children:
    import time; time.sleep(0.1)
    os.close(writer)
for pid, _ in children: os.waitpid(pid, 0)
"""
    ran = await run(spec(code, roles=roles(1, memory="250Mi")))
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome


async def test_who_was_killed_by_somebody_else_was_not_out_of_memory(run: Run, spec: Spec) -> None:
    code = f"import os, signal\nif os.environ['RANK'] == '1': os.kill(os.getpid(), signal.SIGKILL)\n{FOREVER}"
    ran = await run(spec(code, roles=roles(memory="200Mi")))
    assert (ran.failure.replica, ran.failure.ename) == ("worker-1", "SIGKILL")
    assert ran.failure.evalue.startswith("killed by hand or by another program")


async def test_who_was_killed_when_the_machine_had_no_memory_left_is_told_so(
    run: Run, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = starting.SUPERVISE.split("\n", 1)
    patched = "import ciao.backends.local.exhaustion as e; e.Exhaustion.happened = lambda _: True"
    monkeypatch.setattr(starting, "SUPERVISE", f"{first}\n{patched}\n{second}")
    ran = await run(spec("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", workers=1))
    assert (ran.failure.ename, ran.failure.evalue) == (
        "OOMKilled", "this machine had no memory left, and the system killed it",
    )  # fmt: skip
    assert "state what each may use with %memory=" in ran.outcome.hint


async def test_an_attempt_that_ran_out_of_memory_is_kept_beside_the_next(run: Run, spec: Spec) -> None:
    code = f"import os\nif os.environ['CIAO_ATTEMPT'] == '1':\n    {HALF}    {FOREVER.replace('while', '    while')}"
    ran = await run(spec(code, roles=roles(1, memory="200Mi"), retries=1))
    assert (ran.outcome.phase, ran.outcome.attempts) == (Phase.SUCCEEDED, 2)
    assert [f.ename for f in ran.outcome.previous] == ["OOMKilled"]
    assert [e.failure.ename for e in ran.events if isinstance(e, Attempt)] == ["OOMKilled"]


async def test_a_system_that_does_not_tell_what_processes_use_says_so(
    spec: Spec, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spec("pass", roles=roles(memory="1Mi"))
    assert await backend.check(asked) == ()
    monkeypatch.setattr(local, "measurable", lambda: False)
    assert await backend.check(asked) == (Notice(text="memory is not limited on this system"),)


async def test_replicas_that_may_use_more_than_there_is_are_told_of_first(
    spec: Spec, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "available", lambda: 1024**3)
    (notice,) = await backend.check(spec("pass", roles=roles(memory="1Gi")))
    assert (notice.level, notice.text[:49]) == ("warning", "the replicas may use 2.0Gi of memory together, an")


async def test_each_replica_has_cores_of_its_own_while_they_last(run: Run, spec: Spec) -> None:
    there = cores()
    ran = await run(spec("import os; print(*sorted(os.sched_getaffinity(0)))", roles=roles(len(there) + 1, cpu="1")))
    found = [ran.lines(f"worker-{i}") for i in range(len(there) + 1)]
    assert found == [*([str(core)] for core in there), [" ".join(map(str, there))]]


async def test_each_replica_sees_gpus_of_its_own_while_they_last(
    run: Run, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,MIG-b/1/2")
    ran = await run(spec("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", roles=roles(3, gpu="1")))
    assert [ran.lines(f"worker-{i}") for i in range(3)] == [["GPU-a"], ["MIG-b/1/2"], ["GPU-a,MIG-b/1/2"]]
    words = "the replicas ask for 3 GPUs, and 2 are here: some see all of them"
    assert [e.text for e in ran.events if isinstance(e, Notice)] == [words]


async def test_a_plan_shows_memory_and_cores(spec: Spec, backend: Backend) -> None:
    asked = spec("pass", roles=roles(cpu="1", memory="1Gi"))
    job = Job.named(asked, backend="local", now=1.0)
    planned = await backend.plan(asked, job, None)  # type: ignore[arg-type]  # not looked at
    assert "memory:\n  worker-0: 1Gi\n  worker-1: 1Gi\ncores:\n  worker-0:\n  - " in planned
