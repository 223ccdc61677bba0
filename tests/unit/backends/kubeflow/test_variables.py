"""The rules that a pod is given make, in the runner, what the framework says for each replica."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.backends.kubeflow.variables import rules, train_topology, v1_topology
from ciao.frameworks import FRAMEWORKS
from ciao.model import Replica
from ciao.runner.variables import complete
from fakes.asked import spec

KIB = 1024


def completed(told: str, replica: Replica) -> dict[str, str]:
    environ = {"CIAO_VARIABLES": told, "CIAO_ROLE": replica.role.value, "CIAO_INDEX": str(replica.index)}
    complete(environ)
    return {name: value for name, value in environ.items() if not name.startswith("CIAO_")}


@pytest.mark.parametrize("framework", ["pytorch", "xgboost", "paddle"])
@pytest.mark.parametrize(
    "roles", [{"master": 1}, {"master": 1, "worker": 1}, {"master": 1, "worker": 3}, {"worker": 3}]
)
def test_every_replica_finds_what_its_framework_says(framework: str, roles: dict[str, Any]) -> None:
    topology = v1_topology(spec(framework, **roles), "j")
    told = rules(FRAMEWORKS[framework], topology)
    for replica in topology.replicas:
        assert completed(told, replica) == FRAMEWORKS[framework].variables(topology, replica)


def test_workers_without_a_master_meet_at_the_service_of_the_first() -> None:
    told = rules(FRAMEWORKS["pytorch"], v1_topology(spec("pytorch", worker=2), "j"))
    assert completed(told, Replica.parse("worker-1"))["MASTER_ADDR"] == "j-worker-0"


def test_a_plan_shows_rules_that_can_be_read() -> None:
    told = rules(FRAMEWORKS["pytorch"], v1_topology(spec("pytorch", worker=3), "j"))
    assert "WORLD_SIZE=3" in told
    assert "@worker\nRANK+0" in told


@pytest.mark.parametrize("framework", ["pytorch", "jax", "xgboost", "paddle"])
def test_two_thousand_replicas_fit(framework: str) -> None:
    topology = v1_topology(spec(framework, worker=2000), "a-job-with-a-name-of-forty-five-characters-xy")
    told = rules(FRAMEWORKS[framework], topology)
    assert len(told) < 100 * KIB
    last = topology.replicas[-1]
    assert completed(told, last) == FRAMEWORKS[framework].variables(topology, last)


def test_nodes_of_a_train_job_count_through_all_roles() -> None:
    topology = train_topology(spec("pytorch", worker=2, master=1), "j")
    assert [(str(r), str(a)) for r, a in topology.addresses.items()] == [
        ("master-0", "j-node-0-0.j:29500"),
        ("worker-0", "j-node-0-1.j:29500"),
        ("worker-1", "j-node-0-2.j:29500"),
    ]
