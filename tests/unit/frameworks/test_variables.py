"""The variables by which replicas find each other: names of the operators, of TrainJob and of the launchers."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ciao.frameworks import FRAMEWORKS
from ciao.frameworks.base import Address, Topology
from ciao.model import Replica, Role


def variables(framework: str, of: str, *names: str) -> Mapping[str, str]:
    replicas = [Replica.parse(n) for n in names]
    addresses = {r: Address(host=f"h{i}", port=1000 + i) for i, r in enumerate(replicas)}
    return FRAMEWORKS[framework].variables(Topology(job="j", addresses=addresses), Replica.parse(of))


def test_pytorch_finds_its_master() -> None:
    env = variables("pytorch", "worker-1", "master-0", "worker-0", "worker-1")
    expected = {"MASTER_ADDR": "h0", "MASTER_PORT": "1000", "WORLD_SIZE": "3", "RANK": "2", "LOCAL_RANK": "0"}
    assert expected.items() <= env.items()
    assert {"PET_NNODES": "3", "PET_NODE_RANK": "2", "PET_MASTER_ADDR": "h0"}.items() <= env.items()


def test_pytorch_without_a_master_meets_at_worker_0() -> None:
    assert variables("pytorch", "worker-0", "worker-0", "worker-1")["MASTER_PORT"] == "1000"


def test_tensorflow_gets_the_operators_tf_config() -> None:
    config = json.loads(variables("tensorflow", "ps-0", "chief-0", "worker-0", "worker-1", "ps-0")["TF_CONFIG"])
    assert config == {
        "cluster": {"chief": ["h0:1000"], "worker": ["h1:1001", "h2:1002"], "ps": ["h3:1003"]},
        "task": {"type": "ps", "index": 0},
        "environment": "cloud",
    }


def test_a_single_tensorflow_replica_trains_alone() -> None:
    assert variables("tensorflow", "worker-0", "worker-0") == {}


def test_jax_gets_both_generations_of_names() -> None:
    env = variables("jax", "worker-1", "worker-0", "worker-1")
    assert env == {
        "COORDINATOR_ADDRESS": "h0",
        "COORDINATOR_PORT": "1000",
        "NUM_PROCESSES": "2",
        "PROCESS_ID": "1",
        "JAX_COORDINATOR_ADDRESS": "h0:1000",
        "JAX_COORDINATOR_PORT": "1000",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": "1",
    }


def test_xgboost_gets_its_tracker_and_its_workers() -> None:
    env = variables("xgboost", "worker-0", "master-0", "worker-0", "worker-1")
    expected = {"MASTER_PORT": "1000", "RANK": "1", "WORKER_ADDRS": "h1,h2", "WORKER_PORT": "1001"}
    assert expected.items() <= env.items()
    assert env["DMLC_TRACKER_URI"] == "h0"


def test_paddle_counts_servers_only_with_a_master() -> None:
    assert variables("paddle", "master-0", "master-0", "worker-0")["PADDLE_SERVER_NUM"] == "1"
    assert variables("paddle", "worker-0", "master-0", "worker-0")["PADDLE_TRAINER_NUM"] == "1"
    alone = variables("paddle", "worker-1", "worker-0", "worker-1")
    assert (alone["PADDLE_MASTER"], alone["PADDLE_TRAINER_ID"]) == ("h0:1000", "1")
    assert "PADDLE_SERVER_NUM" not in alone


def test_paddle_has_what_its_launcher_gives_to_one_process_a_node() -> None:
    env = variables("paddle", "worker-1", "worker-0", "worker-1")
    assert (env["PADDLE_GLOBAL_RANK"], env["PADDLE_GLOBAL_SIZE"]) == ("1", "2")
    assert (env["PADDLE_RANK_IN_NODE"], env["PADDLE_LOCAL_SIZE"]) == ("0", "1")


@pytest.mark.parametrize(
    ("framework", "names", "decisive"),
    [
        ("pytorch", ["master-0", "worker-0"], ["master-0"]),
        ("pytorch", ["worker-0", "worker-1"], ["worker-0", "worker-1"]),
        ("tensorflow", ["chief-0", "worker-0", "ps-0"], ["chief-0"]),
        ("tensorflow", ["worker-0", "worker-1", "ps-0"], ["worker-0"]),
        ("tensorflow", ["ps-0"], ["ps-0"]),
        ("jax", ["worker-0", "worker-1"], ["worker-0", "worker-1"]),
        ("xgboost", ["master-0", "worker-0"], ["master-0"]),
    ],
)
def test_success_is_decided_as_the_operators_do(framework: str, names: list[str], decisive: list[str]) -> None:
    replicas = tuple(map(Replica.parse, names))
    assert [str(r) for r in FRAMEWORKS[framework].decisive(replicas)] == decisive


@pytest.mark.parametrize(
    ("framework", "names", "endless"),
    [
        ("tensorflow", ["chief-0", "worker-0", "ps-0", "evaluator-0"], ["worker-0", "ps-0", "evaluator-0"]),
        ("tensorflow", ["worker-0", "worker-1", "ps-0"], ["ps-0"]),
        ("tensorflow", ["chief-0", "worker-0"], []),
        ("mpi", ["launcher-0", "worker-0"], ["worker-0"]),
        ("pytorch", ["master-0", "worker-0"], []),
    ],
)
def test_who_serves_the_others_never_ends_by_itself(framework: str, names: list[str], endless: list[str]) -> None:
    replicas = tuple(map(Replica.parse, names))
    assert [str(r) for r in FRAMEWORKS[framework].endless(replicas)] == endless


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=lambda f: f.name)
def test_every_framework_is_whole(framework: object) -> None:
    f = FRAMEWORKS[framework.name]  # type: ignore[attr-defined]  # parametrised by value
    assert f.default_role in f.roles
    assert f.single <= set(f.roles)
    assert Role.WORKER in f.roles
