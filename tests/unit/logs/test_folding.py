"""A traceback that is said again elsewhere becomes one line; nothing else is lost, reordered or kept for long."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.logs.folding import BYTES, HOLD, LONG_BYTES, LONG_LINES, TOGETHER, Folding
from ciao.model import Line, Traced

TRACE = ["Traceback (most recent call last):", '  File "cell_1.py", line 3, in f', "    g()", "KeyError: 'k'"]
CHAIN = [*TRACE, "", "During handling of the above exception, another exception occurred:", "", *TRACE[:3], "E: x"]
SYNTAX = ['  File "cell_1.py", line 2', "    x y", "      ^", "SyntaxError: invalid syntax"]
GROUP = ["  + Exception Group Traceback (most recent call last):", "  | ExceptionGroup: g (1 sub-exception)", "  +---"]
CRASH = ["Fatal Python error: Aborted", "", "Thread 0x01 (most recent call first):", '  File "x.py", line 4 in f']
POOL = ["multiprocessing.pool.RemoteTraceback: ", '"""', *TRACE, '"""', "", "The above ...", "", *TRACE]
WORDS = "KeyError: 'k' (traceback elsewhere)"


def of(texts: Iterable[str], replica: str = "worker-0") -> list[Line]:
    return [Line(replica, "", text) for text in texts]


def texts(lines: Iterable[Line]) -> list[str]:
    return [line.text for line in lines]


def traced(trace: Sequence[str], replica: str = "worker-0") -> Traced:
    data = "".join(f"{text}\n" for text in trace).encode()
    return Traced(replica=replica, reason="", lines=len(trace), checksum=crc32(data))


@pytest.mark.parametrize(
    "trace", [TRACE, CHAIN, SYNTAX, GROUP, [*TRACE[:3], "E: two", "Traceback é", "  lines"], CRASH, POOL]
)
def test_each_kind_of_traceback_is_folded(trace: list[str]) -> None:
    folding = Folding()
    assert texts(folding.add(of(["before", *trace]), 0.0)) == ["before"]
    assert texts(folding.expect(traced(trace), WORDS)) == [WORDS]
    assert (folding.held, folding.spared) == (0, len(trace) - 1)


def test_it_is_folded_too_if_its_lines_come_later_and_in_parts() -> None:
    folding = Folding()
    assert folding.expect(traced(TRACE), WORDS) == []
    assert texts(folding.add(of(TRACE[:2]), 0.0)) == []
    assert texts(folding.add(of([*TRACE[2:], "bye"]), 0.5)) == [WORDS, "bye"]
    assert texts(folding.add(of(["more"]), 0.5)) == ["more"]


def test_a_traceback_that_was_logged_before_it_was_raised_stays() -> None:
    folding = Folding()
    folding.add(of([*TRACE, "giving up", *TRACE]), 0.0)
    folding.expect(traced(TRACE), WORDS)
    assert texts(folding.due(HOLD)) == [*TRACE, "giving up", WORDS]


def test_another_traceback_of_the_same_length_is_not_taken_for_it() -> None:
    folding = Folding()
    other = [*TRACE[:3], "OSError: again"]
    folding.add(of(other), 0.0)
    assert texts(folding.expect(traced(TRACE), WORDS)) == []
    assert texts(folding.release("worker-0")) == other


def test_lines_written_into_it_by_others_leave_it_as_it_is() -> None:
    folding = Folding()
    mixed = [*TRACE[:2], "a thread's", *TRACE[2:]]
    folding.add(of(mixed), 0.0)
    folding.expect(traced(TRACE), WORDS)
    assert texts(folding.release()) == mixed


def test_what_stood_before_it_in_its_line_stays() -> None:
    folding = Folding()
    folding.add(of([f" 50%|###  | {TRACE[0]}", *TRACE[1:]]), 0.0)
    assert texts(folding.expect(traced(TRACE), WORDS)) == [" 50%|###  | ", WORDS]
    folding.add(of([f" 50%|###  | {CRASH[0]}", *CRASH[1:]]), 0.0)
    assert texts(folding.expect(traced(CRASH), WORDS)) == [" 50%|###  | ", WORDS]


def test_replicas_are_held_each_for_itself() -> None:
    folding = Folding()
    mixed = [line for pair in zip(of(TRACE), of(CHAIN, "worker-1"), strict=False) for line in pair]
    rest = of(CHAIN[len(TRACE) :], "worker-1")
    assert texts(folding.add([*mixed, *rest, *of(["2"], "worker-2")], 0.0)) == ["2"]
    assert folding.expect(traced(CHAIN, "worker-1"), WORDS) == [Line("worker-1", "", WORDS)]
    assert folding.expect(traced(TRACE), WORDS) == [Line("worker-0", "", WORDS)]


def test_the_same_failure_of_every_attempt_is_folded() -> None:
    folding = Folding()
    folding.expect(traced(TRACE), "first")
    folding.expect(traced(TRACE), "second")
    assert texts(folding.add(of([*TRACE, "again", *TRACE]), 0.0)) == ["first", "again", "second"]


def test_processes_that_fail_alike_at_once_are_folded_each_when_it_tells() -> None:
    folding = Folding()
    assert folding.add(of(["before", *TRACE, *TRACE, "behind"]), 0.0) == of(["before"])
    assert texts(folding.expect(traced(TRACE), "first")) == []
    assert texts(folding.expect(traced(TRACE), "second")) == ["second", "first", "behind"]


def test_an_equal_traceback_that_nobody_tells_waits_no_longer_than_others() -> None:
    folding = Folding()
    folding.add(of([*TRACE, *TRACE]), 0.0)
    assert texts(folding.expect(traced(TRACE), WORDS)) == []
    assert texts(folding.due(HOLD)) == [*TRACE, WORDS]


def test_a_second_is_the_longest_that_a_line_is_held() -> None:
    folding = Folding()
    folding.add(of([*TRACE, "goes on"]), 0.0)
    assert folding.due(HOLD - 0.01) == []
    folding.add(of(TRACE), HOLD - 0.01)
    assert texts(folding.due(HOLD)) == [*TRACE, "goes on"]
    assert texts(folding.expect(traced(TRACE), WORDS)) == [WORDS]


@pytest.mark.parametrize(
    "flood", [["x"] * (LONG_LINES + 10), ["x" * 1000] * 1100, ["x" * (BYTES + 1)], TRACE * LONG_LINES]
)
def test_a_flood_behind_a_traceback_flows(flood: list[str]) -> None:
    folding = Folding()
    passed = texts(folding.add(of([*TRACE, *flood]), 0.0))
    assert len(passed) > 4
    assert folding.held <= LONG_BYTES
    assert [*passed, *texts(folding.release())] == [*TRACE, *flood]


CALL = ['  File "/jobs/pytorch-x1/code/cell.py", line 4, in f', "    return g(n + 1)", "           ^^^^^^^^"]
RECURSION = [TRACE[0], *(CALL * 1000), "RecursionError: maximum recursion depth exceeded"]


def test_the_traceback_of_an_endless_recursion_is_folded() -> None:
    folding = Folding()
    assert folding.expect(traced(RECURSION), WORDS) == []
    in_parts = [RECURSION[i : i + 7] for i in range(0, len(RECURSION), 7)]
    assert texts(line for part in in_parts for line in folding.add(of(part), 0.0)) == [WORDS]
    assert (folding.held, folding.spared) == (0, len(RECURSION) - 1)


def test_many_replicas_hold_less_of_each() -> None:
    folding, replicas = Folding(), [f"worker-{i}" for i in range(100)]
    passed = [line for name in replicas for line in folding.add(of(RECURSION, name), 0.0)]
    assert TOGETHER / 2 < folding.held <= TOGETHER + 100 * BYTES
    for name in replicas:
        passed += folding.release(name)
    assert (folding.held, len(passed)) == (0, 100 * len(RECURSION))
    assert texts(folding.add(of(RECURSION), 0.0)) == []


def test_what_was_taken_does_not_count_any_more() -> None:
    folding = Folding()
    for now in range(3):
        folding.add(of(RECURSION), float(now))
        folding.expect(traced(RECURSION), WORDS)
        folding.add(of(RECURSION), now + 0.1)
        folding.due(now + 0.1 + HOLD)
    assert folding.held == 0


LINE = st.sampled_from([*CHAIN, *SYNTAX, *GROUP, "x", "", "y" * 9_000, f"50% {TRACE[0]}"])
STEP = st.tuples(st.sampled_from(["worker-0", "worker-1"]), st.lists(LINE, max_size=40), st.floats(0.0, 0.7))


@given(steps=st.lists(STEP, max_size=12), known=st.sampled_from([None, ["never"], ["E: x"]]))
def test_without_a_match_every_line_passes_once_and_in_its_replicas_order(
    steps: list[tuple[str, list[str], float]], known: list[str] | None
) -> None:
    folding, now = Folding(), 0.0
    given_, passed = list[Line](), list[Line]()
    if known is not None:
        folding.expect(traced(known), WORDS)
    for replica, some, pause in steps:
        now += pause
        lines = of(some, replica)
        given_ += lines
        passed += [*folding.add(lines, now), *folding.due(now)]
        assert folding.held <= 2 * LONG_BYTES
    passed += folding.release()
    for replica in ("worker-0", "worker-1"):
        assert [x for x in passed if x.replica == replica] == [x for x in given_ if x.replica == replica]
