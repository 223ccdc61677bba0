"""The lines of several replicas in one order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.lines import stamp
from ciao.logs.merge import Merge
from ciao.model import Line

LOGS = st.dictionaries(st.sampled_from(["worker-0", "worker-1", "master-0"]), st.lists(st.integers(0, 30)), min_size=1)


def lines(replica: str, *times: int) -> list[Line]:
    return [Line(replica, stamp(t), str(n)) for n, t in enumerate(times)]


def shown(merged: list[Line]) -> list[str]:
    return [f"{line.replica[-1]}{line.text}" for line in merged]


def replayed(logs: dict[str, list[Line]], sizes: list[int]) -> list[Line]:
    """Read the logs in pieces, as the backend does."""
    merge, done, read, turn = Merge(), list[Line](), dict.fromkeys(logs, 0), 0
    while any(read[r] < len(logs[r]) or merge.holds(r) for r in logs):
        for r, log in logs.items():
            if not merge.holds(r):
                piece = log[read[r] : read[r] + sizes[turn % len(sizes)]]
                read[r] += len(piece)
                merge.add(r, piece, more=read[r] < len(log))
            turn += 1
        done += merge.take()
    return done


def test_lines_are_ordered_by_their_stamps() -> None:
    merge = Merge()
    merge.add("worker-0", lines("worker-0", 1, 4))
    merge.add("worker-1", lines("worker-1", 2, 3))
    assert shown(merge.take()) == ["00", "10", "11", "01"]


def test_a_replica_whose_clock_goes_back_keeps_its_order() -> None:
    merge = Merge()
    merge.add("worker-0", lines("worker-0", 5, 3, 6))
    merge.add("worker-1", lines("worker-1", 4))
    assert shown(merge.take()) == ["10", "00", "01", "02"]


def test_later_lines_wait_for_a_replica_that_has_more_to_read() -> None:
    merge = Merge()
    merge.add("worker-0", lines("worker-0", 1, 2), more=True)
    merge.add("worker-1", lines("worker-1", 1, 9))
    assert shown(merge.take()) == ["00", "10", "01"]
    assert merge.holds("worker-1")
    merge.add("worker-0", lines("worker-0", 3))
    assert shown(merge.take()) == ["00", "11"]


def test_nobody_waits_for_a_replica_that_is_silent() -> None:
    merge = Merge()
    merge.add("worker-0", [])
    merge.add("worker-1", lines("worker-1", 7))
    assert shown(merge.take()) == ["10"]


@settings(deadline=None)
@given(LOGS, st.lists(st.integers(1, 5), min_size=1))
def test_nothing_is_lost_and_each_replica_keeps_its_order(logs: dict[str, list[int]], sizes: list[int]) -> None:
    written = {r: lines(r, *times) for r, times in logs.items()}
    merged = replayed(written, sizes)
    assert {r: [line for line in merged if line.replica == r] for r in logs} == written


@settings(deadline=None)
@given(LOGS, st.lists(st.integers(1, 5), min_size=1))
def test_a_replay_in_pieces_is_in_the_order_of_time(logs: dict[str, list[int]], sizes: list[int]) -> None:
    merged = replayed({r: lines(r, *sorted(times)) for r, times in logs.items()}, sizes)
    assert [line.stamp for line in merged] == sorted(line.stamp for line in merged)
