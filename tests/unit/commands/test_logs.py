"""The lines of a job, as many as somebody can show."""

from __future__ import annotations

import pytest

from ciao.commands.logs import logs
from ciao.commands.wanted import Wanted
from ciao.model import Line, Lines
from fakes.backend import Scripted
from fakes.jobs import summary


def of_two(count: int) -> Scripted:
    """By turns a line of each of two replicas."""
    lines = (Line(f"worker-{n % 2}", f"2026-11-23T10:00:{n:02}.000000000Z", str(n)) for n in range(count))
    return Scripted(summaries=[summary("jax-aaaaa")], script=[Lines(lines=(line,)) for line in lines])


@pytest.mark.parametrize(
    ("most", "tail", "shown", "earlier"),
    [(None, None, 20, 0), (5, None, 5, 15), (None, 3, 3, 0), (5, 3, 3, 0), (5, 8, 5, 3), (50, 50, 20, 0)],
)
async def test_of_many_lines_the_last_are_brought_and_the_others_counted(
    most: int | None, tail: int | None, shown: int, earlier: int
) -> None:
    found = await logs(of_two(20), most=most, wanted=Wanted(tail=tail))
    assert [line.text for line in found.lines] == [str(n) for n in range(20 - shown, 20)]
    assert found.earlier == earlier
