"""Which job is meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ciao.commands import choose
from ciao.commands.choose import Own
from ciao.errors import CiaoError, CommandError, JobNotFound
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
    ([RUNNING, OTHER], "jaxs-aaaaa", "there is no job 'jaxs-aaaaa' on local. Did you mean jax-aaaaa?"),
    ([RUNNING, OTHER], "pytorch-zzz", "there is no job 'pytorch-zzz' on local. `%ciao jobs` lists them"),
    ([RUNNING, OTHER], "zzz", "there is no job 'zzz' on local. `%ciao jobs` lists them"),
]


@pytest.mark.parametrize(("known", "name", "message"), NAMED)
async def test_a_name_that_fits_none_is_an_error(known: Sequence[Summary], name: str, message: str) -> None:
    with pytest.raises(JobNotFound) as caught:
        await choose.named(on(*known), name)
    assert str(caught.value) == message


async def test_without_any_job_there_is_no_newest() -> None:
    with pytest.raises(JobNotFound, match=r"there are no jobs on local yet\. Run a cell that begins with %framework="):
        await choose.newest(on())


BEGINNINGS = [
    ([RUNNING, ENDED], "2 jobs begin with 'jax'. Write one of jax-aaaaa, jax-bbbbb"),
    (
        [summary(f"jax-{i}") for i in range(7)],
        "7 jobs begin with 'jax'. Write one of jax-0, jax-1, jax-2, jax-3, jax-4 ...",
    ),
]


@pytest.mark.parametrize(("known", "message"), BEGINNINGS)
async def test_a_beginning_of_several_names_says_too_little(known: Sequence[Summary], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        await choose.named(on(*known), "jax")
    assert str(caught.value) == message


async def test_the_beginning_of_one_running_job_is_enough_but_for_what_cannot_be_undone() -> None:
    assert (await choose.only_running(on(ENDED, RUNNING), "jax")).summary is RUNNING
    assert (await choose.to_cancel(on(ENDED, RUNNING), "jax")).summary is RUNNING
    assert (await choose.only_running(on(ENDED), "jax")).summary is ENDED
    assert (await choose.newest(on(ENDED, RUNNING), "jax")).summary is RUNNING
    with pytest.raises(CommandError, match="2 jobs begin with 'jax'"):
        await choose.only_running(on(RUNNING, summary("jax-ccccc", Phase.RUNNING)), "jax")


MINE = Own(started=("jax-mine",), notebook="/a/book.ipynb")


async def test_in_a_cell_the_newest_is_first_that_of_the_kernel_then_that_of_the_notebook_then_any() -> None:
    mine, book = summary("jax-mine"), summary("jax-book", notebook="/a/book.ipynb")
    found = [await choose.newest(on(*known), own=MINE) for known in ([OTHER, book, mine], [OTHER, book], [OTHER])]
    assert [chosen.note for chosen in found] == [
        "jax-mine (the newest job of this kernel)",
        "jax-book (the newest job of this notebook)",
        "pytorch-ccccc (the newest job; this kernel has none)",
    ]


async def test_in_a_cell_the_running_job_is_first_that_of_the_kernel() -> None:
    mine = summary("jax-mine", Phase.RUNNING)
    assert (
        await choose.only_running(on(OTHER, mine), own=MINE)
    ).note == "jax-mine (the only job of this kernel that runs)"
    assert (await choose.only_running(on(OTHER, summary("jax-mine")), own=MINE)).summary is OTHER


async def test_without_a_name_a_cell_cancels_no_job_but_its_kernel_s_own() -> None:
    book = summary("jax-book", Phase.RUNNING, notebook="/a/book.ipynb")
    with pytest.raises(JobNotFound) as caught:
        await choose.to_cancel(on(book, OTHER), own=MINE)
    assert str(caught.value) == "no job of this kernel runs. Others do, and end by their name: jax-book, pytorch-ccccc"
    assert (await choose.to_cancel(on(book, summary("jax-mine", Phase.RUNNING)), own=MINE)).name == "jax-mine"
    with pytest.raises(JobNotFound, match=r"no job of this kernel runs\. `%ciao jobs` lists those that ended"):
        await choose.to_cancel(on(summary("jax-mine")), own=MINE)


async def test_without_a_running_job_the_newest_is_attached_and_that_is_said() -> None:
    assert (await choose.only_running(on(ENDED))).note == "jax-bbbbb (the newest job; none runs)"


RUNNING_ONES = [
    ([ENDED], "no job runs on local. `%ciao jobs` lists those that ended"),
    ([RUNNING, OTHER], "2 jobs run. Name one of jax-aaaaa, pytorch-ccccc"),
]


@pytest.mark.parametrize(("known", "message"), RUNNING_ONES)
async def test_the_job_to_cancel_must_be_the_only_one_that_runs(known: Sequence[Summary], message: str) -> None:
    with pytest.raises(CiaoError) as caught:
        await choose.to_cancel(on(*known))
    assert str(caught.value) == message
