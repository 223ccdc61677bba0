"""Cores and GPUs are shared out among replicas, and reserved by open lock files."""

from __future__ import annotations

from pathlib import Path

from ciao.backends.local.shares import claim, share

THERE = (0, 1, 2, 5)


def test_shares_are_disjoint_and_who_asks_for_more_than_is_left_gets_none() -> None:
    assert share({"a": 2, "b": 3, "c": 1}, THERE) == {"a": (0, 1), "c": (2,)}


def test_a_second_job_has_what_the_first_left(tmp_path: Path) -> None:
    first, second, third = (claim({"a": 2}, THERE, folder=tmp_path) for _ in range(3))
    assert (first.of, second.of, third.of) == ({"a": (0, 1)}, {"a": (2, 5)}, {})
    assert (len(first.locks), len(third.locks)) == (2, 0)
    first.release()
    again = claim({"a": 2}, THERE, folder=tmp_path)
    assert again.of == first.of
    again.release()
    second.release()


def test_a_job_that_asks_for_nothing_locks_nothing(tmp_path: Path) -> None:
    assert claim({}, THERE, folder=tmp_path / "cores").locks == ()
    assert not (tmp_path / "cores").exists()


def test_where_there_is_nothing_to_share_nobody_has_a_share(tmp_path: Path) -> None:
    assert claim({"a": 1}, (), folder=tmp_path / "gpus").of == {}


def test_a_gpu_may_be_named_by_a_path(tmp_path: Path) -> None:
    held = claim({"a": 1}, ("MIG-GPU-7/1/0",), folder=tmp_path)
    assert held.of == {"a": ("MIG-GPU-7/1/0",)}
    held.release()
