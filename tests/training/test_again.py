"""Attempts and timeouts mean the whole job, whatever starts its processes: the runner, torchrun or mpirun."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from ciao.model import Attempt, Elastic, JobSpec, Phase, Role, RoleSpec
from fakes.processes import LINUX, left_of
from fakes.told import Run, Spec

pytestmark = LINUX

PYTHON = "/usr/bin/python3"

FAILS_ONCE = """import os, time
rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("RANK")))
if os.environ["CIAO_ATTEMPT"] == "1" and rank == 1:
    raise ValueError("the first time")
time.sleep(0 if os.environ["CIAO_ATTEMPT"] == "2" else 600)
"""

HANGS = "import threading; threading.Event().wait()"


def missing(module: str) -> bool:
    return subprocess.run([PYTHON, "-c", f"import {module}"], check=False, capture_output=True).returncode != 0


@pytest.fixture(
    params=["nproc", pytest.param("elastic", marks=pytest.mark.torch), pytest.param("mpi", marks=pytest.mark.mpi)]
)
def started_by(request: pytest.FixtureRequest, spec: Spec) -> Spec:
    """A spec whose processes are started in one of three ways."""
    if request.param == "mpi" and (shutil.which("mpirun") is None or missing("mpi4py")):
        pytest.skip("needs Open MPI: apt-get install openmpi-bin python3-mpi4py")
    if request.param == "elastic" and missing("torch"):
        pytest.skip(f"needs PyTorch in {PYTHON}: apt-get install python3-torch")
    workers = RoleSpec(role=Role.WORKER, count=2)
    ways: dict[str, dict[str, Any]] = {
        "nproc": {"nproc": 2, "roles": (RoleSpec(role=Role.WORKER, count=1),)},
        "elastic": {"elastic": Elastic(least=1, most=2), "roles": (workers,), "python": PYTHON},
        "mpi": {"framework": "mpi", "roles": (RoleSpec(role=Role.LAUNCHER, count=1), workers), "python": PYTHON},
    }

    def make(code: str, **more: object) -> JobSpec:
        return spec(code, **ways[request.param], **more)

    return make


async def test_another_attempt_starts_them_all_and_keeps_the_error_before(run: Run, started_by: Spec) -> None:
    ran = await run(started_by(FAILS_ONCE, retries=2))
    assert (ran.outcome.phase, ran.outcome.attempts) == (Phase.SUCCEEDED, 2), ran.outcome
    (before,) = ran.outcome.previous
    assert (before.ename, before.evalue) == ("ValueError", "the first time")
    assert before.error is not None
    assert [f.line for f in before.error.frames if f.in_cell] == [4]
    assert [(e.number, e.failure) for e in ran.events if isinstance(e, Attempt)] == [(2, before)]


async def test_a_timeout_ends_them_all(run: Run, started_by: Spec) -> None:
    ran = await run(started_by(HANGS, timeout=2.0))
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "DeadlineExceeded"), ran.outcome
    (job,) = {e.job.name for e in ran.events if hasattr(e, "job")}
    assert left_of(job) == []
