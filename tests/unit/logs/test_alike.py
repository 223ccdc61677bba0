"""What several replicas say alike is one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.alike import BYTES, HOLD, LINES, LONGEST, Alike
from ciao.logs.pieces import OVERHEAD, members
from ciao.model import Line

ALL = ("ps-0", "worker-0", "worker-1", "worker-2")

STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(["a", "b", "", "x" * (LONGEST + 1)])), max_size=12),
        st.sampled_from([0.0, 0.01, HOLD, 1.0]),  # seconds until the next ones
        st.sampled_from(["", "", *ALL]),  # who ends then
    ),
    max_size=12,
)


def line(replica: str, text: str, stamp: str = "") -> Line:
    return Line(replica, stamp, text)


def said(text: str, replicas: Iterable[str] = ALL) -> list[Line]:
    return [line(replica, text) for replica in replicas]


def shown(lines: Iterable[Line]) -> list[tuple[str, str]]:
    return [(one.replica, one.text) for one in lines]


def unfolded(lines: Iterable[Line], replica: str) -> list[str]:
    return [one.text for one in lines if replica in members(one.replica)]


def agreeing() -> Alike:
    """Its replicas were heard to say the same."""
    alike = Alike()
    alike.add(said("epoch 0"), 0.0)
    return alike


def test_what_all_say_is_one_line() -> None:
    assert shown(Alike().add(said("epoch 1"), 0.0)) == [("ps-0+worker-0+worker-1+worker-2", "epoch 1")]


def test_the_first_line_of_replicas_that_never_agreed_does_not_wait() -> None:
    alike = Alike()
    assert shown(alike.add([line("worker-0", "a")], 0.0)) == [("worker-0", "a")]
    assert shown(alike.add([line("worker-1", "b")], 0.1)) == [("worker-1", "b")]
    assert alike.held == 0


def test_a_job_of_one_replica_passes_on_what_it_is_given() -> None:
    lines = [line("master-0", "a"), line("master-0", "a")]
    assert Alike().add(lines, 0.0) is lines


def test_a_line_goes_out_once_the_last_one_says_it() -> None:
    alike = agreeing()
    for replica in ALL[:-1]:
        assert alike.add([line(replica, "epoch 1")], 0.1) == []
    assert len(alike.add([line(ALL[-1], "epoch 1")], 0.2)) == 1
    assert alike.held == 0


def test_what_is_said_a_moment_later_teaches_to_wait() -> None:
    alike = Alike()
    assert shown(alike.add([line("worker-0", "epoch 1")], 0.0)) == [("worker-0", "epoch 1")]
    assert alike.add([line("worker-1", "epoch 1")], 0.1) == []
    assert shown(alike.due(0.1 + HOLD)) == [("worker-1", "epoch 1")]


def test_some_do_not_wait_long_for_others() -> None:
    alike = agreeing()
    assert alike.add(said("epoch 1", ALL[1:3]), 0.0) == []
    assert alike.due(HOLD - 0.01) == []
    assert shown(alike.due(HOLD)) == [("worker-0+worker-1", "epoch 1")]


def test_nobody_waits_for_a_replica_that_has_ended() -> None:
    alike = agreeing()
    alike.leave("ps-0")
    assert len(alike.add(said("done", ALL[1:]), 0.0)) == 1


def test_lines_of_one_replica_between_those_of_all_keep_their_place() -> None:
    lines = [*said("epoch 1"), line("worker-0", "saved"), *said("epoch 2")]
    assert [text for _, text in shown(Alike().add(lines, 0.0))] == ["epoch 1", "saved", "epoch 2"]


def test_replicas_that_say_the_same_in_another_order_keep_theirs() -> None:
    lines = [line("worker-0", "a"), line("worker-0", "b"), line("worker-1", "b"), line("worker-1", "a")]
    alike = Alike()
    passed = [*alike.add(lines, 0.0), *alike.release()]
    assert len(passed) == 3
    assert unfolded(passed, "worker-0") == ["a", "b"]
    assert unfolded(passed, "worker-1") == ["b", "a"]


def test_the_same_words_at_another_time_are_no_echo() -> None:
    early, late = "2026-11-23T10:00:00.000000000Z", "2026-11-23T10:00:05.000000000Z"
    assert len(Alike().add([line("worker-0", "a", early), line("worker-1", "a", late)], 0.0)) == 2


def test_nobody_waits_any_more_once_all_say_their_own() -> None:
    alike = agreeing()
    for number in range(300):
        alike.add([line(replica, f"{replica} {number}") for replica in ALL], number * 0.01)
    alike.due(99.0)
    assert len(alike.add([line("worker-0", "x")], 99.0)) == 1


def test_names_are_in_the_order_of_their_numbers() -> None:
    (passed,) = Alike().add(said("a", [f"worker-{n}" for n in range(11, -1, -1)]), 0.0)
    assert members(passed.replica) == [f"worker-{n}" for n in range(12)]


def test_switched_off_it_passes_on_what_it_is_given() -> None:
    lines = said("epoch 1")
    assert Alike(on=False).add(lines, 0.0) is lines


def test_what_waits_is_bounded() -> None:
    alike = agreeing()
    for size in (10, 900):
        held = []
        for number in range(LINES // 20):
            alike.add([line("worker-0", f"{number} {n} {'x' * size}") for n in range(40)], 0.0)
            alike.add(said(f"{number}", ALL[1:]), 0.0)  # they agree now and then, so that lines go on waiting
            held.append(alike.held)
        assert BYTES // 10 < max(held) <= BYTES
        assert len(alike.release()) <= LINES


def played(steps: Sequence[tuple[list[tuple[str, str]], float, str]]) -> tuple[list[Line], list[Line]]:
    """What was said, and what was passed on."""
    alike, now = Alike(), 0.0
    given_, passed = list[Line](), list[Line]()
    for batch, seconds, ending in steps:
        lines = [line(replica, text) for replica, text in batch]
        given_ += lines
        passed += alike.add(lines, now)
        now += seconds
        passed += alike.due(now)
        waiting = len(given_) - sum(len(members(one.replica)) for one in passed)
        assert (alike.held == 0) == (waiting == 0)
        assert alike.held >= waiting * OVERHEAD
        if ending:
            alike.leave(ending)
    return given_, [*passed, *alike.release()]


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_unfolded_each_replica_has_its_lines_in_order_each_once(
    steps: list[tuple[list[tuple[str, str]], float, str]],
) -> None:
    given_, passed = played(steps)
    for replica in ALL:
        assert unfolded(passed, replica) == unfolded(given_, replica)


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_no_line_waits_longer_than_a_moment(steps: list[tuple[list[tuple[str, str]], float, str]]) -> None:
    alike, now = agreeing(), 0.0
    for batch, seconds, _ in steps:
        alike.add([line(replica, text) for replica, text in batch], now)
        now += seconds
        alike.due(now)
        assert alike.held == 0 or seconds < HOLD


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 9)), max_size=40))
def test_who_is_named_said_it(batches: list[tuple[list[int], int]]) -> None:
    alike = Alike()
    passed = [
        one for who, text in batches for one in alike.add(said(str(text), [ALL[n] for n in sorted(set(who))]), 0.0)
    ]
    for one in [*passed, *alike.release()]:
        assert len(set(members(one.replica))) == len(members(one.replica))
        assert set(members(one.replica)) <= set(ALL)
