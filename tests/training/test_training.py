"""Real models learn on several processes: the loss goes down, and all ranks end with the same weights."""

from __future__ import annotations

import pytest

from ciao.model import Phase, Role, RoleSpec
from fakes.told import Ran, Run, Spec

pytestmark = pytest.mark.timeout(240)

TORCH = """
import hashlib, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())                    # other data on every rank, and other first weights
x = torch.randn(256, 8)
y = x @ torch.arange(8.0).unsqueeze(1) + 0.5
model = DistributedDataParallel(torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(30):
    loss = torch.nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():.6f}")
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
print("weights", hashlib.sha256(weights).hexdigest())
"""

JAX = """
import hashlib, os, jax, jax.numpy as jnp
from jax.experimental import multihost_utils
jax.distributed.initialize(
    num_processes=int(os.environ["NUM_PROCESSES"]), process_id=int(os.environ["PROCESS_ID"]))
x = jax.random.normal(jax.random.key(jax.process_index()), (256, 8))
y = x @ jnp.arange(8.0) + 0.5
weights = jnp.zeros(9)
loss_and_gradient = jax.jit(jax.value_and_grad(lambda w: jnp.mean((x @ w[:8] + w[8] - y) ** 2)))
for epoch in range(30):
    loss, gradient = loss_and_gradient(weights)
    weights -= 0.05 * multihost_utils.process_allgather(gradient).mean(axis=0)
    print(f"loss {loss:.6f}")
print("weights", hashlib.sha256(jax.device_get(weights).tobytes()).hexdigest())
"""


def learned(ran: Ran, *replicas: str) -> None:
    """Every replica's loss fell to a tenth at the most, and the weights are one."""
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    for replica in replicas:
        losses = [float(line.split()[1]) for line in ran.lines(replica) if line.startswith("loss ")]
        assert len(losses) == 30
        assert losses[-1] < losses[0] / 10
    weights = {line for replica in replicas for line in ran.lines(replica) if line.startswith("weights ")}
    assert len(weights) == 1


@pytest.mark.torch
async def test_torch_over_a_master_and_two_workers(run: Run, spec: Spec, torch_python: str) -> None:
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=2))
    learned(await run(spec(TORCH, roles=roles, python=torch_python)), "master-0", "worker-0", "worker-1")


@pytest.mark.torch
async def test_torch_over_three_workers(run: Run, spec: Spec, torch_python: str) -> None:
    ran = await run(spec(TORCH, workers=3, python=torch_python))
    learned(ran, "worker-0", "worker-1", "worker-2")


@pytest.mark.torch
async def test_torch_over_two_processes_in_each_of_two_workers(run: Run, spec: Spec, torch_python: str) -> None:
    ran = await run(spec(TORCH, workers=2, nproc=2, python=torch_python))
    assert ran.outcome.phase is Phase.SUCCEEDED, ran.outcome
    weights = [line for r in ("worker-0", "worker-1") for line in ran.lines(r) if line.startswith("weights ")]
    assert (len(weights), len(set(weights))) == (4, 1)


@pytest.mark.jax
async def test_jax_over_three_workers(run: Run, spec: Spec, jax_python: None) -> None:
    ran = await run(spec(JAX, workers=3, framework="jax"))
    learned(ran, "worker-0", "worker-1", "worker-2")
