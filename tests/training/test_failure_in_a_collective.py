"""One of four replicas dies while the others wait for it in a real collective: the right one is named."""

from __future__ import annotations

import os

import pytest

from fakes.told import Run, Spec

pytestmark = pytest.mark.timeout(240)

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`, twenty times in `make soak`."""

KILLED = "killed by hand or by another program, not for want of memory"

DEATHS = [
    pytest.param("raise ValueError('bad batch')", ("ValueError", "bad batch"), id="raises"),
    pytest.param("os.kill(os.getpid(), 9)", ("SIGKILL", KILLED), id="killed"),
    pytest.param("sys.exit(3)", ("SystemExit", "exit code 3"), id="exits"),
    pytest.param("os._exit(3)", ("SystemExit", "exit code 3"), id="leaves"),
]

TORCH = """import os, sys, torch, torch.distributed as dist
dist.init_process_group('gloo')
rank = dist.get_rank()
x = torch.ones(1000)
for step in range(1000):
    if rank == 2 and step == 5:
        {death}
    dist.all_reduce(x)
"""

JAX = """import os, sys, jax
jax.distributed.initialize(
    num_processes=int(os.environ['NUM_PROCESSES']), process_id=int(os.environ['PROCESS_ID']))
from jax.experimental import multihost_utils
rank = jax.process_index()
for step in range(1000):
    if rank == 2 and step == 5:
        {death}
    multihost_utils.process_allgather(jax.numpy.ones(10))
"""


@pytest.mark.parametrize("time", range(TIMES))
@pytest.mark.parametrize(("death", "named"), DEATHS)
@pytest.mark.torch
async def test_torch(run: Run, spec: Spec, torch_python: str, death: str, named: tuple[str, str], time: int) -> None:
    ran = await run(spec(TORCH.format(death=death), workers=4, python=torch_python))
    assert (ran.failure.replica, ran.failure.ename, ran.failure.evalue) == ("worker-2", *named), ran.outcome
    if ran.failure.error is not None:
        assert [f.line for f in ran.failure.error.frames if f.in_cell] == [7]


@pytest.mark.parametrize("time", range(TIMES))
@pytest.mark.parametrize(("death", "named"), DEATHS)
@pytest.mark.jax
async def test_jax(run: Run, spec: Spec, jax_python: None, death: str, named: tuple[str, str], time: int) -> None:
    ran = await run(spec(JAX.format(death=death), workers=4, framework="jax"))
    assert (ran.failure.replica, ran.failure.ename, ran.failure.evalue) == ("worker-2", *named), ran.outcome
    if ran.failure.error is not None:
        assert [f.line for f in ran.failure.error.frames if f.in_cell] == [8]
