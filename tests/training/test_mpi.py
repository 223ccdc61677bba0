"""MPI on this machine: mpirun starts the ranks, and what one of them does is the job's end."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from contextlib import aclosing

import pytest

from ciao.backends.base import Backend
from ciao.model import Lines, Phase, Role, RoleSpec
from fakes.processes import LINUX, left_of
from fakes.told import Create, Run, Spec

pytestmark = pytest.mark.mpi

ROLES = (RoleSpec(role=Role.LAUNCHER, count=1), RoleSpec(role=Role.WORKER, count=2))
PYTHON = "/usr/bin/python3"

SUM = """import os
from mpi4py import MPI
comm = MPI.COMM_WORLD
total = comm.allreduce(comm.rank)
print(f"rank {comm.rank} of {comm.size} on {os.environ['CIAO_REPLICA']}: {total}", flush=True)
"""

DIES = """import os, sys
from mpi4py import MPI
comm = MPI.COMM_WORLD
if comm.rank == 2:
    {death}
comm.barrier()
"""

LONG = """from mpi4py import MPI
error = ValueError(f"{MPI.COMM_WORLD.rank} " + "x" * 50_000)
error.__notes__ = ["y" * 8000] * 20
MPI.COMM_WORLD.barrier()
raise error
"""

WAITS = """import threading
from mpi4py import MPI
print("up", flush=True)
threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def mpi() -> None:
    found = subprocess.run([PYTHON, "-c", "import mpi4py"], check=False, capture_output=True)
    if found.returncode != 0 or shutil.which("mpirun") is None:
        pytest.skip(f"needs Open MPI, and mpi4py in {PYTHON}: apt-get install openmpi-bin python3-mpi4py")


async def test_ranks_reduce_over_the_slots_of_their_workers(run: Run, spec: Spec) -> None:
    ran = await run(spec(SUM, framework="mpi", roles=ROLES, nproc=2, python=PYTHON))
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    assert sorted(line for line in ran.lines("launcher-0") if line.startswith("rank")) == [
        f"rank {rank} of 4 on worker-{rank // 2}: 6" for rank in range(4)
    ]


@pytest.mark.parametrize(
    ("death", "named"),
    [
        pytest.param("raise ValueError('bad batch')", ("ValueError", "bad batch"), id="raises"),
        pytest.param("sys.exit('no data')", ("SystemExit", "no data (exit code 1)"), id="exits"),
        pytest.param("os._exit(3)", ("SystemExit", "exit code 3"), id="leaves"),
        pytest.param("os.kill(os.getpid(), 9)", ("SIGKILL", "killed by hand"), id="killed"),
    ],
)
async def test_the_end_of_one_rank_ends_the_job_with_its_error(
    run: Run, spec: Spec, death: str, named: tuple[str, str]
) -> None:
    ran = await run(spec(DIES.format(death=death), framework="mpi", roles=ROLES, nproc=2, python=PYTHON))
    assert (ran.failure.place, ran.failure.ename) == ("launcher-0 (rank 2)", named[0]), ran.outcome
    assert named[1] in ran.failure.evalue
    if ran.failure.error is not None:
        assert [f.line for f in ran.failure.error.frames if f.in_cell] == [5]


async def test_long_errors_of_all_ranks_at_once_do_not_mix(run: Run, spec: Spec) -> None:
    ran = await run(spec(LONG, framework="mpi", roles=ROLES, nproc=2, python=PYTHON))
    assert ran.failure.ename == "ValueError"
    assert ran.failure.evalue[1:] == " " + "x" * 50_000


@LINUX
async def test_cancelling_leaves_no_rank(job: Create, spec: Spec, backend: Backend) -> None:
    name = await job(spec(WAITS, framework="mpi", roles=ROLES, nproc=2, python=PYTHON))
    up = 0
    async with asyncio.timeout(60), aclosing(backend.watch(name)) as events:
        async for event in events:
            up += sum(line.text == "up" for line in event.lines) if isinstance(event, Lines) else 0
            if up == 4:
                break
    assert (await backend.cancel(name)).phase is Phase.CANCELLED
    assert left_of(name) == []
