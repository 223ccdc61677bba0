"""When replicas are looked at."""

from __future__ import annotations

import pytest

from ciao.backends.local.limits import QUICK, SLOW, SPEED, nap


@pytest.mark.parametrize("room", [0, SPEED // 100, SPEED // 10, SPEED // 5])
def test_the_next_look_comes_before_the_fastest_replica_could_be_beyond_its_limit(room: int) -> None:
    assert QUICK <= nap(room, look=0.0) <= max(QUICK, room / SPEED)


def test_who_is_far_from_its_limit_is_looked_at_rarely_and_not_never() -> None:
    assert nap(SPEED * 1000, look=0.0) == SLOW


def test_looking_takes_a_fifth_of_the_time_at_the_most() -> None:
    assert nap(0, look=0.1) == 0.4
