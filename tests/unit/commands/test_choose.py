"""Which job is meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ciao.commands import choose
from ciao.errors import JobNotFound
from ciao.model import Phase, Summary
from fakes.backend import Scripted
from fakes.jobs import summary

RUNNING = summary("jax-aaaaa", Phase.RUNNING)
ENDED = summary("jax-bbbbb")
OTHER = summary("pytorch-ccccc", Phase.PENDING)


def on(*summaries: Summary) -> Scripted:
    return Scripted(summaries=summaries)


async def test_a_job_is_found_by_its_name_and_by_the_beginning_of_it() -> None:
    assert (await choose.named(on(RUNNING, ENDED, OTHER), "jax-aaaaa")).note == ""
    chosen = await choose.named(on(RUNNING, ENDED, OTHER), "py")
    assert (chosen.name, chosen.note) == ("pytorch-ccccc", "pytorch-ccccc")


async def test_a_whole_name_wins_over_a_longer_one_that_begins_so() -> None:
    assert (await choose.named(on(summary("jax-aaaaa2"), RUNNING), "jax-aaaaa")).summary is RUNNING


async def test_without_a_name_it_is_the_newest_and_that_is_said() -> None:
    assert (await choose.newest(on(ENDED, RUNNING))).note == "jax-bbbbb (the newest job)"


async def test_without_a_name_it_is_the_only_one_that_runs_and_that_is_said() -> None:
    assert (await choose.only_running(on(ENDED, RUNNING))).note == "jax-aaaaa (the only job that runs)"


NAMED = [
    ([RUNNING, OTHER], "jax-aaaa2", "there is no job 'jax-aaaa2' on local. Did you mean jax-aaaaa?"),
    ([RUNNING, OTHER], "zzz", "there is no job 'zzz' on local. 'ciao jobs' lists them"),
    ([RUNNING, ENDED], "jax", "'jax' may be any of 2 jobs. They are jax-aaaaa, jax-bbbbb"),
    (
        [summary(f"jax-{i}") for i in range(7)],
        "jax",
        "'jax' may be any of 7 jobs. They are jax-0, jax-1, jax-2, jax-3, jax-4 ...",
    ),
]


@pytest.mark.parametrize(("known", "name", "message"), NAMED)
async def test_a_name_that_fits_none_or_several_is_an_error(known: Sequence[Summary], name: str, message: str) -> None:
    with pytest.raises(JobNotFound) as caught:
        await choose.named(on(*known), name)
    assert str(caught.value) == message


async def test_without_any_job_there_is_no_newest() -> None:
    with pytest.raises(JobNotFound, match=r"there are no jobs on local yet\. Run a cell that begins with %framework="):
        await choose.newest(on())


RUNNING_ONES = [
    ([ENDED], "no job runs on local. 'ciao jobs' lists those that ended"),
    ([RUNNING, OTHER], "2 jobs run. Name one of jax-aaaaa, pytorch-ccccc"),
]


@pytest.mark.parametrize(("known", "message"), RUNNING_ONES)
async def test_the_only_running_job_must_be_the_only_one(known: Sequence[Summary], message: str) -> None:
    with pytest.raises(JobNotFound) as caught:
        await choose.only_running(on(*known))
    assert str(caught.value) == message
