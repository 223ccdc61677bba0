"""Cores are shared out among replicas, and reserved by open lock files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.backends.local import cores
from ciao.backends.local.cores import claim, share, wanted
from ciao.model import Cell, JobSpec, Resources, Role, RoleSpec


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable", lambda: (0, 1, 2, 5))


def test_a_replica_asks_for_whole_cores_and_only_if_it_states_them() -> None:
    roles = (
        RoleSpec(role=Role.MASTER, count=1),
        RoleSpec(role=Role.WORKER, count=2, resources=Resources(cpu="1500m")),
    )
    spec = JobSpec(cell=Cell(text=""), code="", framework="pytorch", roles=roles)
    assert wanted(spec) == {"worker-0": 2, "worker-1": 2}


def test_shares_are_disjoint_and_who_asks_for_more_than_is_left_gets_none() -> None:
    assert share({"a": 2, "b": 3, "c": 1}, (0, 1, 2, 5)) == {"a": (0, 1), "c": (2,)}


def test_a_second_job_has_the_cores_that_the_first_left(tmp_path: Path) -> None:
    first, second, third = (claim({"a": 2}, folder=tmp_path) for _ in range(3))
    assert (first.of, second.of, third.of) == ({"a": (0, 1)}, {"a": (2, 5)}, {})
    assert (len(first.locks), len(third.locks)) == (2, 0)
    first.release()
    again = claim({"a": 2}, folder=tmp_path)
    assert again.of == first.of
    again.release()
    second.release()


def test_a_job_that_states_no_cpu_locks_nothing(tmp_path: Path) -> None:
    assert claim({}, folder=tmp_path / "cores").locks == ()
    assert not (tmp_path / "cores").exists()


def test_a_system_that_binds_no_process_gives_no_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable", lambda: ())
    assert claim({"a": 1}, folder=tmp_path).of == {}
