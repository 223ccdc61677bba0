"""What a cell shows of a progress bar."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ciao.logs.redrawn import EVERY, LONGEST, Redrawn
from ciao.model import Line


def bar(text: str, replica: str = "worker-0") -> Line:
    return Line(replica, "", text, redrawn=True)


def plain(text: str, replica: str = "worker-0") -> Line:
    return Line(replica, "", text)


def test_plain_lines_pass_as_they_are() -> None:
    lines = (plain("a"), plain("b"))
    assert Redrawn().add(lines, 0.0) is lines


def test_of_two_hundred_states_in_six_seconds_one_a_second_is_shown_and_the_last() -> None:
    redrawn, shown = Redrawn(), list[Line]()
    for step in range(1, 201):
        now = step / 32
        shown += redrawn.due(now)
        shown += redrawn.add([bar(f"{step}")], now)
    shown += redrawn.release()
    assert [line.text for line in shown] == ["1", "32", "64", "96", "128", "160", "192", "200"]


def test_the_newest_state_is_shown_when_its_second_is_over() -> None:
    redrawn = Redrawn()
    assert redrawn.add([bar("1"), bar("2"), bar("3")], 0.0) == [bar("1")]
    assert (redrawn.due(0.9), redrawn.due(EVERY), redrawn.due(9.0)) == ([], [bar("3")], [])


def test_the_last_state_stands_above_the_plain_line_that_follows_it() -> None:
    redrawn = Redrawn()
    lines = [bar("1"), bar("2"), bar("3"), plain("epoch 1"), bar("1"), bar("2")]
    assert redrawn.add(lines, 0.0) == [bar("1"), bar("3"), plain("epoch 1")]
    assert redrawn.release("worker-0") == [bar("2")]


def test_each_replica_has_its_own_second() -> None:
    redrawn = Redrawn()
    lines = [bar("1"), bar("2"), bar("1", "worker-1"), plain("x", "worker-1")]
    assert redrawn.add(lines, 0.0) == [bar("1"), bar("1", "worker-1"), plain("x", "worker-1")]
    assert (redrawn.release("worker-1"), redrawn.release()) == ([], [bar("2")])


def test_memory_is_one_short_line_for_each_replica() -> None:
    redrawn = Redrawn()
    lines = [bar("x" * LONGEST, f"worker-{n % 3}") for n in range(1_000)]
    redrawn.add(lines, 0.0)
    assert redrawn.held == 3 * LONGEST
    assert redrawn.add([bar("y" * (LONGEST + 1))], 0.0)[1].text.startswith("y")
    assert redrawn.held == 2 * LONGEST


LINES = st.tuples(st.sampled_from(["worker-0", "worker-1"]), st.booleans(), st.floats(0, 2))


@given(st.lists(LINES, max_size=40))
def test_every_plain_line_is_shown_in_order_and_the_state_before_it(steps: list[tuple[str, bool, float]]) -> None:
    redrawn, written, shown, now = Redrawn(), list[Line](), list[Line](), 0.0
    for number, (replica, drawn, seconds) in enumerate(steps):
        now += seconds
        written.append(Line(replica, "", str(number), redrawn=drawn))
        shown += [*redrawn.due(now), *redrawn.add(written[-1:], now)]
    shown += redrawn.release()
    for name in ("worker-0", "worker-1"):
        mine, seen = ([line for line in all_of if line.replica == name] for all_of in (written, shown))
        last = {a for a, b in pairwise([*mine, plain("", name)]) if not b.redrawn}
        assert seen == [line for line in mine if line in seen]
        assert last | {line for line in mine if not line.redrawn} <= set(seen)
