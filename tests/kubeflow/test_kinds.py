"""Every kind trains for real, from the cells of the examples that also run on this machine (tests/examples)."""

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

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, *, cell: int = 0) -> str:
    """A code cell of an example, without the lines by which it has its framework on any machine: the images have it."""
    cells = [c for c in json.loads((EXAMPLES / f"{name}.ipynb").read_text())["cells"] if c["cell_type"] == "code"]
    return "".join(line for line in cells[cell]["source"] if not line.startswith(("%package=", "%python=")))


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    """The frameworks themselves."""
    return {**{name: name for name in ("pytorch", "jax", "tensorflow", "xgboost", "paddle")}, "mpi": "openmpi"}


def said(ran: Ran, words: str) -> list[str]:
    """Lines of the replicas with these words, without colours and without the replicas' names."""
    assert ran.reply["status"] == "ok", ran.errors
    assert ran.status.startswith("succeeded"), ran.status
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)
    return [line.partition(" | ")[2] for line in plain.splitlines() if f"| {words}" in line]


def fell(ran: Ran) -> None:
    """The loss, to a fifth at the most."""
    losses = [float(line.split()[-1]) for line in said(ran, "epoch")]
    assert losses[-1] < losses[0] / 5


def trained(ran: Ran, replicas: int) -> None:
    """The loss fell, and all have the same weights."""
    fell(ran)
    weights = [line.partition("weights ")[2] for line in said(ran, "rank") if "weights" in line]
    assert (len(weights), len(set(weights))) == (replicas, 1)


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
def test_the_example_of_pytorch_trains_over_a_master_and_two_workers(room_kernel: Kernel, kind: str) -> None:
    trained(room_kernel.run(f"%kind={kind}\n" + example("pytorch-ddp")), 3)


def test_the_example_of_pytorch_trains_in_a_pytorchjob_without_a_master(room_kernel: Kernel) -> None:
    trained(room_kernel.run("%kind=PyTorchJob\n" + example("pytorch-ddp").replace("%master=1\n", "")), 2)


def test_the_example_of_an_elastic_job_trains_under_torchrun_in_a_pytorchjob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("pytorch-ddp", cell=1)), 2)


@pytest.mark.parametrize("kind", ["JAXJob", "TrainJob"])
def test_the_example_of_jax_trains_over_two_workers(room_kernel: Kernel, kind: str) -> None:
    trained(room_kernel.run(f"%kind={kind}\n" + example("jax")), 2)


def test_the_example_of_tensorflow_trains_over_workers_of_a_tfjob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("tensorflow")), 2)


def test_the_example_of_parameter_servers_trains_in_a_tfjob_and_they_are_then_ended(room_kernel: Kernel) -> None:
    ran = room_kernel.run(example("tensorflow", cell=1))
    fell(ran)
    assert said(ran, "slope is at /job:ps/")


@pytest.mark.parametrize("magics", ["%kind=XGBoostJob\n", "%kind=TrainJob\n"], ids=["XGBoostJob", "TrainJob"])
def test_the_example_of_xgboost_trains_over_a_tracker(room_kernel: Kernel, magics: str) -> None:
    trained(room_kernel.run(magics + example("xgboost")), 2)


def test_the_example_of_paddle_trains_in_a_paddlejob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("paddle")), 2)


def test_the_example_of_mpi_trains_in_an_mpijob(room_kernel: Kernel) -> None:
    trained(room_kernel.run(example("mpi")), 2)


def test_an_exception_of_one_rank_ends_an_mpijob_and_is_the_cells(room_kernel: Kernel) -> None:
    name, value, text = room_kernel.run(example("mpi", cell=1)).error
    assert (name, value) == ("ValueError", "the second half of the data is missing")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert re.search(r"Cell In\[\d+\], line 7", text)
    assert text.endswith("raised in launcher-0 (rank 1)")
