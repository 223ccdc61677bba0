"""Which lines of a log are shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

import pytest

from ciao.commands.wanted import AWAY, HERE, Pace, Wanted, marked, pace_of
from ciao.errors import CommandError
from ciao.logs.lines import stamp
from ciao.model import Event, Finished, Lines, Phase
from fakes.jobs import finished, lines, summary

AT_ONCE = Pace(first=0.01, quiet=0.01)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On the wall, too."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


async def told(events: Iterable[Event], *, endless: bool = False) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event
    if endless:
        await asyncio.Event().wait()


async def shown(wanted: Wanted, *events: Event) -> list[list[str]]:
    async with aclosing(wanted.select(told(events), pace=AT_ONCE)) as selected:
        return [[line.text for line in event.lines] async for event in selected if isinstance(event, Lines)]


async def test_lines_are_chosen_by_replica_and_expression() -> None:
    events = (lines("loss 1", "up", "loss 2"), lines("loss 3", replica="worker-1"), finished())
    assert await shown(Wanted.of(grep=r"loss \d"), *events) == [["loss 1", "loss 2"], ["loss 3"]]
    assert await shown(Wanted(replica="worker-1"), *events) == [["loss 3"]]


async def test_since_is_a_time_ago_a_time_of_day_or_a_date(utc: None) -> None:
    ago = stamp(int((time.time() - 5400) * 1e9))
    assert (
        abs(
            time.mktime(time.strptime(Wanted.of(since="1h30m").since[:19], "%Y-%m-%dT%H:%M:%S"))
            - time.mktime(time.strptime(ago[:19], "%Y-%m-%dT%H:%M:%S"))
        )
        <= 5
    )
    assert Wanted.of(since="2026-01-01T00:00:01Z").since == "2026-01-01T00:00:01.000000000Z"
    assert Wanted.of(since="14:30").since[11:19] == "14:30:00"
    assert await shown(Wanted.of(since="2026-01-01T00:00:01Z"), lines("a", "b", "c"), finished()) == [["b", "c"]]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"tail": "0"}, "--tail takes a whole number, 1 or more"),
        ({"since": "soon"}, "--since does not know the time 'soon'"),
        ({"since": "10"}, "--since does not know the time '10'"),
        ({"grep": "("}, "--grep cannot be read: missing ), unterminated subpattern at position 0"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(option: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError) as caught:
        Wanted.of(**option)
    assert caught.value.message == words
    assert caught.value.hint


async def test_the_tail_of_a_job_that_ended_is_its_last_lines_before_its_end() -> None:
    events = (lines("a", "b"), lines("c", second=2), finished())
    assert await shown(Wanted.of(tail="2"), *events) == [["b", "c"]]
    async with aclosing(Wanted.of(tail="1").select(told(events), pace=AT_ONCE)) as selected:
        assert [type(event) for event in [e async for e in selected]] == [Lines, Finished]


async def test_the_tail_is_by_time_whichever_replica_is_told_first() -> None:
    events = (lines("a", "d", second=3), lines("b", "c", replica="worker-1", second=2), finished())
    assert await shown(Wanted.of(tail="2"), *events) == [["c", "d"]]


async def test_the_tail_of_a_job_that_runs_comes_when_it_is_quiet_and_then_all_that_follows() -> None:
    more = asyncio.Event()

    async def running() -> AsyncGenerator[Event, None]:
        yield lines("a", "b", "c")
        await more.wait()
        yield lines("d", "e", second=3)

    async with aclosing(Wanted.of(tail="1").select(running(), pace=AT_ONCE)) as selected:
        first = await anext(selected)
        more.set()
        came = [first, await anext(selected)]
        assert [event.lines[-1].text for event in came if isinstance(event, Lines)] == ["c", "e"]


async def test_what_is_so_far_is_marked_once_and_nothing_of_the_rest_is_lost() -> None:
    async with aclosing(marked(told([lines("a")], endless=True), AT_ONCE)) as events:
        assert isinstance(await anext(events), Lines)
        assert await anext(events) is None


def test_lines_of_a_running_job_on_a_cluster_are_waited_for_longer() -> None:
    here = summary("a", Phase.RUNNING)
    there = type(here)(**{**vars(here), "job": type(here.job)(**{**vars(here.job), "backend": "kubeflow"})})
    assert (pace_of(here), pace_of(there)) == (HERE, AWAY)
