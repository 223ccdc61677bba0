"""The runner completes the environment: what is there stays, what is missing is set."""

from __future__ import annotations

import pytest

from ciao.runner.variables import complete, local


def completed(**environ: str) -> dict[str, str]:
    complete(environ)
    return environ


def test_what_the_operator_or_the_user_set_stays() -> None:
    environ = completed(CIAO_VARIABLES="RANK=1\nWORLD_SIZE=2", RANK="7")
    assert environ == {"RANK": "7", "WORLD_SIZE": "2"}


def test_rules_of_another_role_do_not_count() -> None:
    rules = "A=1\n@master\nB=1\n@worker\nC=1\nRANK+3\nHOST*x y z"
    assert completed(CIAO_VARIABLES=rules, CIAO_ROLE="worker", CIAO_INDEX="2") == {
        "CIAO_ROLE": "worker", "CIAO_INDEX": "2", "A": "1", "C": "1", "RANK": "5", "HOST": "z",
    }  # fmt: skip


def test_a_value_may_have_every_mark_in_it() -> None:
    assert completed(CIAO_VARIABLES="A=x=y+z*@") == {"A": "x=y+z*@"}


@pytest.mark.parametrize(("node", "replica"), [("0", "master-0"), ("1", "worker-0"), ("3", "worker-2")])
def test_a_node_of_a_train_job_finds_its_name(node: str, replica: str) -> None:
    environ = completed(CIAO_ROLES="master=1 worker=3", JOB_COMPLETION_INDEX=node, CIAO_VARIABLES="")
    assert environ["CIAO_REPLICA"] == replica
    assert f"{environ['CIAO_ROLE']}-{environ['CIAO_INDEX']}" == replica


def test_restarts_by_the_cluster_are_attempts() -> None:
    assert completed(CIAO_ROLES="worker=1", CIAO_ATTEMPT="1", CIAO_RESTARTS="2")["CIAO_ATTEMPT"] == "3"
    assert completed(CIAO_ROLES="worker=1", CIAO_ATTEMPT="1", CIAO_RESTARTS="")["CIAO_ATTEMPT"] == "1"


def test_processes_of_a_replica_are_counted_through() -> None:
    environ = {"RANK": "1", "WORLD_SIZE": "3", "CIAO_RANKS": "RANK/WORLD_SIZE NONE/AT_ALL", "CIAO_NPROC": "2"}
    assert local(environ, 1, 2) == {"RANK": "3", "WORLD_SIZE": "6", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
