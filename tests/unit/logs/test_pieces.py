"""Lines in small packets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.pieces import LINE, OVERHEAD, PIECE, Piece, first, last, level, pieces, worthy
from ciao.model import Line

WRITTEN = st.lists(
    st.tuples(st.sampled_from(["worker-0", "worker-1"]), st.text(max_size=40), st.integers(1, 150)), max_size=8
)


def lines(written: list[tuple[str, str, int]]) -> list[Line]:
    return [Line(replica, "", text) for replica, text, count in written for _ in range(count)]


def cost(texts: list[str]) -> int:
    return sum(len(t.encode("utf-8", "replace")) + OVERHEAD for t in texts)


@settings(deadline=None)
@given(WRITTEN)
def test_pieces_hold_every_line_in_order_and_know_their_cost(written: list[tuple[str, str, int]]) -> None:
    found = pieces(lines(written), 7)
    assert [Line(p.replica, "", t) for p in found for t in p.texts] == lines(written)
    assert [p.order for p in found] == list(range(7, 7 + len(found)))
    assert all(p.cost == cost(list(p.texts)) for p in found)


def test_pieces_of_long_lines_are_small() -> None:
    found = pieces([Line("worker-0", "", "x" * 5_000)] * 30 + [Line("worker-0", "", "x" * 99_000)], 0)
    assert max(p.cost for p in found) <= max(PIECE, LINE + 30) + 64 * OVERHEAD


@settings(deadline=None)
@given(WRITTEN, st.integers(0, 20_000))
def test_the_last_lines_are_as_many_as_the_limit_allows(written: list[tuple[str, str, int]], limit: int) -> None:
    one = [("worker-0", text, count) for _, text, count in written]
    before, after = last(pieces(lines(one), 0), limit)
    early, late = ([t for p in part for t in p.texts] for part in (before, after))
    assert early + late == [line.text for line in lines(one)]
    assert cost(late) == sum(p.cost for p in after) <= limit
    assert not early or cost([*early[-1:], *late]) > limit


@given(st.lists(st.integers(0, 100)), st.integers(0, 1_000))
def test_fair_shares_use_the_limit_and_no_more(costs: list[int], limit: int) -> None:
    share = level(costs, limit)
    assert sum(min(c, share) for c in costs) <= limit
    assert sum(costs) <= limit or sum(min(c, share + 1) for c in costs) > limit


def test_of_a_piece_errors_and_what_is_indented_below_them_are_worthy() -> None:
    texts = ["  a", "Traceback (most recent call last):", "  File", "    x", "KeyError: 1", "b", "  c"]
    kept = worthy(Piece(0, "worker-0", texts, cost(texts)))
    assert kept == Piece(0, "worker-0", texts[1:5], cost(texts[1:5]))


def test_of_a_piece_without_errors_nothing_is_worthy() -> None:
    assert worthy(Piece(0, "worker-0", ["loss 0.1"], 40)) is None


@given(
    st.lists(st.lists(st.sampled_from(["", "x", "é" * 9, "y" * 100]), min_size=1, max_size=9), max_size=6),
    st.integers(0, 2_000),
)
def test_two_parts_are_the_whole_and_as_much_as_fits(texts: list[list[str]], limit: int) -> None:
    found = [piece for n, lines in enumerate(texts) for piece in pieces([Line("worker-0", "", t) for t in lines], n)]
    whole = [t for piece in found for t in piece.texts]
    for part, (early, late) in (("first", first(found, limit)), ("last", last(found, limit))):
        assert [t for piece in (*early, *late) for t in piece.texts] == whole
        kept, other = (early, late) if part == "first" else (late, early)
        cost = sum(piece.cost for piece in kept)
        assert cost == sum(len(t.encode()) + OVERHEAD for piece in kept for t in piece.texts) <= limit
        if other:
            following = other[0].texts[0] if part == "first" else other[-1].texts[-1]
            assert cost + len(following.encode()) + OVERHEAD > limit
