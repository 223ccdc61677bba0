"""The logs of a job on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.errors import StateError
from ciao.logs.archive import AT_ONCE, CHUNK, SMALL, Kept, Tail, chunk, prune
from ciao.logs.lines import stamp, stamped

SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=20)


def log(count: int) -> bytes:
    return b"".join(stamped(f"line {n} é".encode() + b"x" * (n % 40) + b"\n", stamp(n).encode()) for n in range(count))


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(1, 300), max_size=20), limits=st.lists(st.integers(1, 400), min_size=1), data=st.data()
)
def test_every_line_comes_once_however_it_is_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], limits: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "worker-0.log"
    whole, seen = log(12), []
    tail = Tail("worker-0", path)
    with path.open("wb", buffering=0) as file:
        for size in [*cuts, 9999]:
            file.write(whole[file.tell() : file.tell() + size])
            seen += tail.read(data.draw(st.sampled_from(limits)))
            if data.draw(st.booleans()):  # the kernel died; another one goes on
                tail = Tail("worker-0", path, offset=tail.offset)
    while tail.more or tail.offset < len(whole):
        seen += tail.read(limits[0])
    assert [stamped(line.text.encode(), line.stamp.encode()) for line in seen] == whole.splitlines(keepends=True)


def test_an_incomplete_line_is_held_back(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(log(1) + b"2026")
    tail = Tail("worker-0", path)
    assert (len(tail.read()), len(tail.read()), tail.more) == (1, 0, False)


def test_an_incomplete_line_counts_when_nobody_writes_any_more(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(log(1) + b"2026")
    tail = Tail("worker-0", path)
    assert [line.text for line in tail.read(ended=True)] == ["line 0 é", "2026"]
    assert tail.read(ended=True) == []


def test_a_read_takes_no_more_than_its_limit_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(log(100))
    tail = Tail("worker-0", path)
    assert 0 < len(tail.read(1000)) < 30
    assert tail.more


def test_a_line_longer_than_the_limit_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "worker-0.log"
    path.write_bytes(stamped(b"x" * 5000 + b"\nafter\n", stamp(1).encode()))
    tail = Tail("worker-0", path)
    assert len(tail.read(100)[0].text) == 5000


def test_a_replica_that_has_not_started_has_no_lines(tmp_path: Path) -> None:
    assert Tail("worker-0", tmp_path / "worker-0.log").read() == []


def test_a_log_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    tail = Tail("worker-0", tmp_path)
    with pytest.raises(StateError, match=f"{tmp_path} cannot be read: Is a directory"):
        tail.read()


def names(*folders: Kept, keep_for: float = 100.0, keep_bytes: int = 10) -> list[str]:
    return [f.name for f in prune(folders, keep_for=keep_for, keep_bytes=keep_bytes, now=1000.0)]


def test_what_ended_long_ago_is_removed() -> None:
    assert names(Kept(name="old", size=1, ended=899.0), Kept(name="new", size=1, ended=901.0)) == ["old"]


def test_the_oldest_go_until_the_rest_is_small_enough() -> None:
    assert names(*(Kept(name=n, size=4, ended=e) for n, e in [("c", 993.0), ("a", 991.0), ("b", 992.0)])) == ["a"]


def test_a_running_job_is_never_removed() -> None:
    assert names(Kept(name="r", size=99, ended=0.0, running=True), Kept(name="e", size=9, ended=999.0)) == []


@settings(deadline=None)
@given(st.lists(st.builds(Kept, name=st.text(), size=st.integers(0, 9), ended=st.floats(0, 1000))))
def test_what_is_left_is_within_both_limits(folders: list[Kept]) -> None:
    removed = prune(folders, keep_for=500.0, keep_bytes=20, now=1000.0)
    left = list(folders)
    for folder in removed:
        left.remove(folder)
    assert sum(f.size for f in left) <= 20
    assert all(f.ended >= 500.0 for f in left)


def test_the_logs_of_many_replicas_are_read_in_small_parts() -> None:
    assert [chunk(n) for n in (0, 1, 4)] == [CHUNK] * 3
    assert all(n * chunk(n) <= AT_ONCE for n in range(1, 65))
    assert chunk(1_000) == SMALL
