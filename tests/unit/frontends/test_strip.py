"""The replicas of a job as squares."""

from __future__ import annotations

import re

from ciao.frontends.display.strip import LARGEST, counts, mark, squares
from ciao.model import ReplicaState

LETTERS = {state.value[0]: state for state in ReplicaState}


def states(letters: str) -> list[ReplicaState | None]:
    return [LETTERS.get(letter) for letter in letters]


def shapes(html: str) -> str:
    return re.sub("<[^>]*>", "", html)


def test_each_replica_has_its_square_and_ten_stand_together() -> None:
    assert shapes(squares(states("rrrrfwwwwsse."))) == "■■■■▲□□□□● ●○□"
    assert shapes(squares(states("r" * 21))) == "■■■■■■■■■■ ■■■■■■■■■■ ■"


def test_equal_neighbours_are_one_element_and_what_most_are_needs_none() -> None:
    assert squares(states("rrrrrwwrrr")).count("<i") == 1
    assert len(squares(states("r" * 1000)).encode()) < 3_400


def test_even_a_chequered_strip_is_bounded_and_then_its_shapes_tell() -> None:
    chequered = squares(states("rfws" * 500))
    assert len(chequered.encode()) < LARGEST
    assert "<i" not in chequered
    assert "color:inherit" in chequered
    coloured = squares(states("r" * 1700 + "rw" * 150))
    assert coloured.count("<i") == 150
    assert len(coloured.encode()) < LARGEST


def test_counts_in_words_begin_with_what_is_wrong() -> None:
    assert [words for _, words in counts(states("rrwfs.e"))] == [
        *("1 failed", "2 running", "1 succeeded", "1 waiting", "1 ended", "1 not started"),
    ]


def test_a_mark_is_the_squares_shape_in_its_colour() -> None:
    assert shapes(mark(ReplicaState.FAILED)) == "▲"
    assert len({mark(state) for state in (*ReplicaState, None)}) == 6
