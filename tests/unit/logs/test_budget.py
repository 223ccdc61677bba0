"""What a cell shows of a flood of lines."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.budget import BURST_LINES, CAP, CAP_LINES, KEPT, QUEUE, RATE_LINES, TAIL, Budget, tick
from ciao.logs.pieces import LINE, PIECE, Piece, members
from ciao.model import Line

TEXTS = st.one_of(
    st.sampled_from(["", "loss 0.1", "Traceback (most recent call last):", "  File x", "é" * 30, "ValueError: x"]),
    st.integers(0, 20_000).map(lambda n: "x" * n),
)
BATCHES = st.lists(
    st.tuples(st.integers(0, 3), TEXTS, st.integers(1, 2_000), st.floats(0, 5)),  # replica, text, how often, seconds
    max_size=15,
)


def lines(replica: str, *texts: str) -> list[Line]:
    return [Line(replica, "", text) for text in texts]


def numbered(replica: str, count: int, start: int = 0) -> list[Line]:
    return lines(replica, *(f"line {n}" for n in range(start, start + count)))


def texts(drawn: list[Piece], replica: str | None = None) -> list[str]:
    return [t for p in drawn for t in p.texts if replica in (None, p.replica)]


def size(drawn: list[Piece]) -> int:
    return sum(len(t.encode()) + 1 for t in texts(drawn))


def flooded(seconds: int, *, replicas: int = 4, rate: int = 10_000) -> tuple[Budget, list[Piece]]:
    """Every replica writes ``rate`` lines a second, and the cell is drawn every 50 ms."""
    budget, drawn = Budget("j", replicas=replicas, now=0.0), list[Piece]()
    for step in range(seconds * 20):
        for r in range(replicas):
            budget.add(numbered(f"worker-{r}", rate // 20, step * (rate // 20)))
        drawn += budget.take(step / 20)
    return budget, drawn


def test_a_few_lines_are_drawn_at_once_and_unchanged() -> None:
    budget = Budget("j", replicas=2, now=0.0)
    budget.add(lines("worker-0", "a", "b") + lines("worker-1", "c"))
    assert texts(budget.take(0.0)) == ["a", "b", "c"]
    assert budget.close() == []


def test_a_short_burst_is_shown_as_a_whole_a_little_later() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(numbered("worker-0", 3_000))
    first, later = budget.take(0.0), budget.take(1.0)
    assert BURST_LINES <= len(texts(first)) < BURST_LINES + 64
    assert texts(first + later) == [f"line {n}" for n in range(3_000)]


def test_a_flood_is_shown_at_the_rate_that_a_page_can_draw() -> None:
    _, drawn = flooded(4)
    assert len(texts(drawn)) <= BURST_LINES + 4 * RATE_LINES + 64


def test_a_flood_says_once_a_second_at_most_how_much_is_not_shown() -> None:
    budget, drawn = Budget("j", replicas=1, now=0.0), list[Piece]()
    for step in range(200):
        budget.add(lines("worker-0", *["x" * 200] * 500))
        drawn += budget.take(step / 20)
    notes = texts(drawn, "")
    assert 2 <= len(notes) <= 10
    assert all(n.startswith("… ") and n.endswith(" not shown; the whole log: `ciao logs j` in a shell") for n in notes)


def test_what_was_dropped_is_not_told_twice_within_a_second() -> None:
    budget = Budget("j", replicas=4, now=0.0)
    for now, notes in ((0.0, 1), (0.05, 0), (1.0, 1)):
        budget.add(lines("worker-0", *["x" * 1_000] * 500))
        assert len(texts(budget.take(now), "")) == notes


def test_many_replicas_share_what_waits() -> None:
    budget = Budget("j", replicas=16, now=0.0)
    for r in range(16):
        budget.add(lines(f"worker-{r}", *["x" * 100] * 5_000))
    assert budget.held <= QUEUE + 16 * TAIL
    budget.take(0.0)
    budget.take(10.0)  # the head is drawn, and the tails have come forward
    assert budget.held <= QUEUE


def test_errors_that_were_kept_come_in_order_while_the_flood_goes_on() -> None:
    budget, drawn = Budget("j", replicas=8, now=0.0), list[Piece]()
    for step in range(200):
        for r in range(8):
            numbers = range(step * 100, step * 100 + 100)
            budget.add(lines(f"worker-{r}", *(f"{n:06} {'Error' * (n % 70 == 0):80}" for n in numbers)))
        drawn += budget.take(step / 20)
        assert budget.total == budget.shown + budget.dropped + budget.waiting
    for r in range(8):
        shown = texts(drawn, f"worker-{r}")
        assert shown == sorted(shown)
    assert any("Error" in a and "Error" in b for a, b in pairwise(texts(drawn, "worker-0")))


def test_in_a_flood_every_replica_has_its_share() -> None:
    budget, drawn = flooded(4)
    drawn += budget.close()
    counts = [len(texts(drawn, f"worker-{r}")) for r in range(4)]
    assert max(counts) < 1.3 * min(counts)


def test_a_quiet_replica_is_heard_beside_a_flood() -> None:
    budget, drawn = Budget("j", replicas=2, now=0.0), list[Piece]()
    for step in range(60):
        budget.add(numbered("worker-0", 2_000, step * 2_000) + lines("worker-1", f"quiet {step}"))
        drawn += budget.take(step / 20)
    drawn += budget.close()
    assert texts(drawn, "worker-1") == [f"quiet {step}" for step in range(60)]


def test_the_end_of_a_flood_does_not_wait_and_has_the_last_lines() -> None:
    budget, drawn = flooded(2)
    drawn += budget.close()
    assert [texts(drawn, f"worker-{r}")[-1] for r in range(4)] == ["line 19999"] * 4
    assert [texts(drawn, f"worker-{r}")[0] for r in range(4)] == ["line 0"] * 4
    hidden = f"{budget.dropped:,} of 80,000 lines not shown; the whole log: `ciao logs j` in a shell"
    assert texts(drawn, "") == [f"… {hidden}"]
    assert budget.dropped + budget.shown == 80_000


def test_what_is_not_shown_in_one_place_is_told_once() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(numbered("worker-0", 20_000))
    drawn = [*budget.take(0.0), *budget.close()]
    missing = f"{budget.dropped:,} of 20,000 lines not shown"
    assert texts(drawn, "") == [f"… {missing}; the whole log: `ciao logs j` in a shell"]
    assert texts(drawn)[-1] == "line 19999"


def test_where_a_log_is_not_whole_any_more_nobody_is_promised_the_whole() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(numbered("worker-0", 20_000))
    budget.lost += 6_801_620
    drawn = [*budget.take(0.0), *budget.close()]
    missing = f"{budget.dropped:,} of 20,000 lines not shown; 6,801,620 bytes more went unread"
    assert texts(drawn, "") == [f"… {missing}: the log outgrew keep.log; what is kept: `ciao logs j` in a shell"]


def test_several_places_are_summed_up_at_the_end() -> None:
    budget, drawn = Budget("j", replicas=1, now=0.0), list[Piece]()
    for second in range(10):
        budget.add(numbered("worker-0", 20_000))
        drawn += budget.take(float(second))
    drawn += budget.close()
    assert len(texts(drawn, "")) > 2
    assert texts(drawn)[-1].startswith(f"… in all {budget.dropped:,} of 200,000 lines not shown; ")


def test_what_was_told_while_the_job_ran_is_not_told_again_at_its_end() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(numbered("worker-0", 20_000))
    drawn = [p for second in range(20) for p in budget.take(float(second))]
    assert len(texts(drawn, "")) == 1
    assert budget.close() == []


def test_errors_are_shown_though_their_neighbours_are_not() -> None:
    budget, drawn = Budget("j", replicas=1, now=0.0), list[Piece]()
    trace = ["Traceback (most recent call last):", "  File 'x', line 1", "KeyError: 'y'"]
    for step in range(40):
        found = trace if step == 20 else []
        budget.add(numbered("worker-0", 3_000) + lines("worker-0", *found) + numbered("worker-0", 3_000))
        drawn += budget.take(step / 20)
    shown = texts([*drawn, *budget.close()])
    assert shown[shown.index(trace[0]) :][:3] == trace


def test_a_long_line_is_cut_and_says_how_much_is_missing() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(lines("worker-0", "x" * (LINE + 12_345)))
    assert texts(budget.take(0.0)) == ["x" * LINE + " … 12,345 more bytes"]


def test_a_line_of_wide_letters_is_cut_between_letters() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(lines("worker-0", "x" + "é" * LINE))
    assert texts(budget.take(0.0)) == ["x" + "é" * (LINE // 2 - 1) + f" … {LINE + 2:,} more bytes"]


def test_a_note_comes_at_its_place() -> None:
    budget = Budget("j", replicas=1, now=0.0)
    budget.add(lines("worker-0", "before"))
    budget.note("attempt 2 of 3")
    budget.add(lines("worker-0", "after"))
    assert texts(budget.take(0.0)) == ["before", "attempt 2 of 3", "after"]


def test_a_full_cell_shows_notes_until_the_end_and_then_the_last_lines() -> None:
    budget, drawn = flooded(12)
    assert budget.full
    budget.note("attempt 2 of 3")
    budget.add(lines("worker-2", "goodbye"))
    assert texts(budget.take(99.0)) == ["attempt 2 of 3"]
    last = budget.close()
    assert "goodbye" in texts(last, "worker-2")
    assert len(texts(drawn + last)) < CAP_LINES


def test_a_page_gets_more_time_the_more_it_shows() -> None:
    assert [tick(n) for n in (0, 1_999, 2_000, 3_999, 4_000)] == [0.05, 0.05, 0.25, 0.25, 0.5]


@settings(deadline=None, max_examples=50)
@given(BATCHES)
def test_no_line_is_lost_count_of_and_no_cap_or_bound_exceeded(batches: list[tuple[int, str, int, float]]) -> None:
    budget, drawn, now = Budget("j", replicas=4, now=0.0), list[Piece](), 0.0
    for replica, text, count, seconds in batches:
        now += seconds
        budget.add(lines(f"worker-{replica}", *[text] * count))
        drawn += budget.take(now)
        assert budget.held <= 2 * QUEUE + 4 * (TAIL + 2 * KEPT) + PIECE
        assert budget.total == budget.shown + budget.dropped + budget.waiting
    drawn += budget.close()
    assert budget.total == budget.shown + budget.dropped == sum(n for _, _, n, _ in batches)
    assert budget.shown == len(texts(drawn)) - len(texts(drawn, ""))
    assert len(texts(drawn)) <= CAP_LINES
    assert size(drawn) <= CAP


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3_000), st.floats(0, 2)), max_size=15), st.booleans())
def test_each_replicas_lines_are_shown_in_their_order(batches: list[tuple[int, int, float]], errors: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    budget, drawn, now, written = Budget("j", replicas=4, now=0.0), list[Piece](), 0.0, 0
    for replica, count, seconds in batches:
        now += seconds
        word = "Error" if errors else "x" * 70
        budget.add(
            lines(f"worker-{replica}", *(f"{n:06} {word * (n % 9 == 0)}" for n in range(written, written + count)))
        )
        written += count
        drawn += budget.take(now)
    drawn += budget.close()
    for r in range(4):
        shown = texts(drawn, f"worker-{r}")
        assert shown == sorted(shown)


def test_a_line_of_several_replicas_counts_for_each() -> None:
    budget = Budget("j", replicas=3, now=0.0)
    budget.add(lines("worker-0+worker-1+worker-2", "epoch 1") + lines("worker-0", "saved"))
    assert (budget.total, budget.waiting) == (4, 4)
    assert len(budget.take(0.0)) == 2
    assert (budget.shown, budget.waiting) == (4, 0)


def test_what_was_dropped_of_several_replicas_is_told_for_each() -> None:
    budget = Budget("j", replicas=2, now=0.0)
    budget.add(numbered("worker-0+worker-1", 50_000))
    drawn = budget.close()
    assert texts(drawn, "")[-1].startswith(f"… {2 * (50_000 - len(texts(drawn)) + 1):,} of 100,000 lines not shown")


GROUPS = ("worker-0", "worker-1", "worker-2", "worker-0+worker-1", "worker-1+worker-2", "worker-0+worker-1+worker-2")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from(GROUPS), st.integers(1, 2_000), st.floats(0, 2), st.sampled_from(["", "Error" * 9])),
        max_size=15,
    )
)
def test_lines_of_several_replicas_stay_in_the_order_of_each(batches: list[tuple[str, int, float, str]]) -> None:
    budget, drawn, now, written = Budget("j", replicas=3, now=0.0), list[Piece](), 0.0, 0
    for who, count, seconds, word in batches:
        now += seconds
        budget.add(lines(who, *(f"{n:06} {word * (n % 9 == 0):60}" for n in range(written, written + count))))
        written += count
        drawn += budget.take(now)
        assert budget.total == budget.shown + budget.dropped + budget.waiting
        assert budget.held <= 2 * QUEUE + 3 * (TAIL + 2 * KEPT) + PIECE
    drawn += budget.close()
    assert budget.total == budget.shown + budget.dropped == sum(c * len(members(who)) for who, c, *_ in batches)
    for r in range(3):
        shown = [t for p in drawn if f"worker-{r}" in members(p.replica) for t in p.texts]
        assert shown == sorted(shown)


def test_a_flood_that_ends_before_it_is_drawn_shows_how_each_replica_began_and_ended() -> None:
    budget = Budget("j", replicas=50, now=0.0)
    for r in range(50):
        budget.add(numbered(f"worker-{r}", 2_000))
    drawn = budget.close()
    for r in range(50):
        shown = texts(drawn, f"worker-{r}")
        assert (shown[0], shown[-1]) == ("line 0", "line 1999")
    assert size(drawn) <= QUEUE
    assert texts(drawn, "")[0].startswith(f"… {budget.dropped:,} of 100,000 lines not shown; ")


def test_of_a_replica_that_begins_when_the_cell_is_full_the_beginning_is_shown_at_the_end() -> None:
    budget, _ = flooded(12)
    assert budget.full
    budget.add(numbered("worker-99", 20_000))
    shown = texts(budget.close(), "worker-99")
    assert (shown[0], shown[-1]) == ("line 0", "line 19999")


def test_what_was_said_before_by_one_of_several_is_not_shown_behind_what_they_say() -> None:
    budget = Budget("j", replicas=3, now=0.0)
    budget.add(numbered("worker-1", 6_000) + numbered("worker-0+worker-1", 6_000, 6_000) + numbered("worker-2", 9_000))
    shown = [text for piece in budget.close() if "worker-1" in members(piece.replica) for text in piece.texts]
    numbers = [int(text.split()[1]) for text in shown if text.startswith("line")]
    assert numbers == sorted(numbers)
