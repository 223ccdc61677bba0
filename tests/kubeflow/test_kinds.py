"""Every kind trains for real from a cell of a notebook; the same cell runs on this machine and as each of the kinds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakes.kernel import Kernel, Ran

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TORCH = """%framework=pytorch
%worker=2

import hashlib, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
x = torch.randn(64, 8)
y = x @ torch.arange(8.0).unsqueeze(1)
model = DistributedDataParallel(torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
losses = []
for epoch in range(10):
    loss = torch.nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
print(f"learned {losses[-1] < losses[0]} of {dist.get_world_size()}", hashlib.sha256(weights).hexdigest())
"""

JAX = """%framework=jax
%worker=2

import hashlib, os, jax, jax.numpy as jnp
from jax.experimental import multihost_utils
jax.distributed.initialize(
    num_processes=int(os.environ["NUM_PROCESSES"]), process_id=int(os.environ["PROCESS_ID"]))
x = jax.random.normal(jax.random.key(jax.process_index()), (64, 8))
y = x @ jnp.arange(8.0)
weights, losses = jnp.zeros(8), []
loss_and_gradient = jax.value_and_grad(lambda w: jnp.mean((x @ w - y) ** 2))
for epoch in range(3):
    loss, gradient = loss_and_gradient(weights)
    weights -= 0.05 * multihost_utils.process_allgather(gradient).mean(axis=0)
    losses.append(loss)
learned, digest = bool(losses[-1] < losses[0]), hashlib.sha256(jax.device_get(weights).tobytes()).hexdigest()
print(f"learned {learned} of {jax.process_count()}", digest)
"""

PADDLE = """%framework=paddle
%worker=2

import os, socket, time
rank, size = int(os.environ["PADDLE_TRAINER_ID"]), int(os.environ["PADDLE_TRAINERS_NUM"])
assert os.environ["PADDLE_TRAINER_ENDPOINTS"].split(",")[rank] == os.environ["PADDLE_CURRENT_ENDPOINT"]
host, port = os.environ["PADDLE_MASTER"].rsplit(":", 1)
def connect():
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except OSError:
            time.sleep(0.1)
if rank == 0:
    server = socket.create_server(("", int(port)))
    peers = [server.accept()[0] for _ in range(size - 1)]
    total = 1 + sum(int(peer.recv(9)) for peer in peers)
    for peer in peers:
        peer.sendall(str(total).encode())
else:
    peer = connect()
    peer.sendall(str(rank + 1).encode())
    total = int(peer.recv(9))
print("sum", total, "of", size)
"""

FAILING = """%framework=mpi
%worker=2

from mpi4py import MPI
if MPI.COMM_WORLD.rank == 1:
    raise ValueError('me')
MPI.COMM_WORLD.Barrier()
"""

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, *, cell: int = 0) -> str:
    """A code cell of an example, without the lines by which it has its framework on any machine: the images have it."""
    cells = [c for c in json.loads((EXAMPLES / f"{name}.ipynb").read_text())["cells"] if c["cell_type"] == "code"]
    return "".join(line for line in cells[cell]["source"] if not line.startswith(("%package=", "%python=")))


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    """The frameworks themselves; Paddle's needs more room than it is worth."""
    real = {name: name for name in ("pytorch", "jax", "tensorflow", "xgboost")}
    return {**real, "paddle": "python", "mpi": "openmpi"}


def said(ran: Ran, words: str) -> list[str]:
    """Lines of the replicas with these words, without colours and without the replicas' names."""
    assert ran.reply["status"] == "ok", ran.errors
    assert ran.status.startswith("succeeded"), ran.status
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)
    return [line.partition(" | ")[2] for line in plain.splitlines() if f"| {words}" in line]


def learned(ran: Ran, replicas: int) -> None:
    """In every replica the loss fell, and all have the same weights."""
    lines = said(ran, "learned")
    assert len(lines) == replicas
    assert len(set(lines)) == 1
    assert lines[0].startswith(f"learned True of {replicas} ")


@pytest.mark.parametrize(
    ("prepended", "replicas"),
    [
        pytest.param("%backend=local\n%python=/usr/bin/python3\n", 2, id="local", marks=pytest.mark.torch),
        pytest.param("%kind=PyTorchJob\n", 2, id="PyTorchJob"),
        pytest.param("%kind=PyTorchJob\n%master=1\n", 3, id="PyTorchJob with a master"),
        pytest.param("%kind=TrainJob\n", 2, id="TrainJob"),
    ],
)
def test_one_cell_of_pytorch_learns_everywhere(room_kernel: Kernel, prepended: str, replicas: int) -> None:
    learned(room_kernel.run(prepended + TORCH), replicas)


@pytest.mark.parametrize(
    "prepended",
    [
        pytest.param("%backend=local\n", id="local", marks=pytest.mark.jax),
        pytest.param("%kind=JAXJob\n", id="JAXJob"),
        pytest.param("%kind=TrainJob\n", id="TrainJob"),
    ],
)
def test_one_cell_of_jax_learns_everywhere(room_kernel: Kernel, prepended: str) -> None:
    learned(room_kernel.run(prepended + JAX), 2)


def fell(ran: Ran) -> None:
    """The loss, to a fifth at the most."""
    losses = [float(line.split()[-1]) for line in said(ran, "epoch")]
    assert losses[-1] < losses[0] / 5


def trained(ran: Ran, replicas: int) -> None:
    """The loss fell, and all have the same weights."""
    fell(ran)
    weights = [line.partition("weights ")[2] for line in said(ran, "rank") if "weights" in line]
    assert (len(weights), len(set(weights))) == (replicas, 1)


def test_the_example_of_tensorflow_trains_over_workers_of_a_tfjob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("tensorflow")), 2)


def test_the_example_of_parameter_servers_trains_in_a_tfjob_and_they_are_then_ended(room_kernel: Kernel) -> None:
    ran = room_kernel.run(example("tensorflow", cell=1))
    fell(ran)
    assert said(ran, "slope is at /job:ps/")


@pytest.mark.parametrize("magics", ["%kind=XGBoostJob\n", "%kind=TrainJob\n"], ids=["XGBoostJob", "TrainJob"])
def test_the_example_of_xgboost_trains_over_a_tracker(room_kernel: Kernel, magics: str) -> None:
    trained(room_kernel.run(magics + example("xgboost")), 2)


def test_replicas_of_a_paddlejob_find_each_other(room_kernel: Kernel) -> None:
    assert said(room_kernel.run(PADDLE), "sum") == ["sum 3 of 2"] * 2


def test_the_example_of_mpi_trains_in_an_mpijob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("mpi")), 2)


def test_an_exception_of_one_rank_ends_an_mpijob_and_is_the_cells(room_kernel: Kernel) -> None:
    name, value, text = room_kernel.run(FAILING).error
    assert (name, value) == ("ValueError", "me")
    assert re.search(r"Cell In\[\d+\], line 6", re.sub(r"\x1b\[[0-9;]*m", "", text))
