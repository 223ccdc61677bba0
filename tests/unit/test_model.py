"""The values that travel between the parts."""

from __future__ import annotations

import pytest

from ciao.model import NAME_LIMIT, Cell, Job, JobSpec, Replica, Role, RoleSpec


def spec(**changes: object) -> JobSpec:
    cell = Cell(text="pass", number=7)
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=2))
    return JobSpec(**{"cell": cell, "code": "pass", "framework": "pytorch", "roles": roles, **changes})  # type: ignore[arg-type]  # a test may change any field


def test_a_replica_is_read_back_from_its_name() -> None:
    assert Replica.parse("worker-12") == Replica(Role.WORKER, 12)


@pytest.mark.parametrize("name", ["worker", "worker-", "worker-x", "worker--1", "boss-0", "", "worker-²"])
def test_a_name_that_is_no_replicas_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a replica"):
        Replica.parse(name)


def test_replicas_are_listed_role_by_role() -> None:
    assert [str(r) for r in spec().replicas] == ["master-0", "worker-0", "worker-1"]


def test_a_jobs_name_fits_what_kubernetes_makes_of_it() -> None:
    job = Job.named(spec(name="a" * 60), backend="local", now=0.0)
    assert len(job.name) == NAME_LIMIT


def test_two_jobs_of_one_spec_have_two_names() -> None:
    assert Job.named(spec(), backend="local", now=0.0).name != Job.named(spec(), backend="local", now=0.0).name
