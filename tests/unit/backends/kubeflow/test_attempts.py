"""A further attempt is made once, whoever watches, and not after the job was cancelled."""

from __future__ import annotations

import asyncio

import pytest

from ciao.backends.kubeflow.attempts import Attempts


class Work:
    """Counts how often it is done, and takes until it is told to go on."""

    def __init__(self) -> None:
        self.done = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> str:
        await self.go_on.wait()
        self.done += 1
        return f"uid-{self.done}"


async def test_two_who_watch_a_job_make_its_next_attempt_once() -> None:
    attempts, work = Attempts(), Work()
    both = asyncio.gather(*(attempts.make("j", 2, work) for _ in range(2)))
    work.go_on.set()
    assert await both == ["uid-1", "uid-1"]
    assert await attempts.make("j", 3, work) == "uid-2"


async def test_who_lets_go_does_not_end_it_for_the_other() -> None:
    attempts, work = Attempts(), Work()
    first, second = (asyncio.create_task(attempts.make("j", 2, work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    work.go_on.set()
    assert await second == "uid-1"


async def test_a_cancelled_job_has_no_further_attempt() -> None:
    attempts, work = Attempts(), Work()
    watching = asyncio.create_task(attempts.make("j", 2, work))
    await asyncio.sleep(0)
    assert [await attempts.give_up("j"), await attempts.give_up("j")] == [
        True,
        True,
    ]  # the cluster may be away at first
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert not work.done


async def test_who_comes_while_it_is_being_made_waits_for_it() -> None:
    attempts, work = Attempts(), Work()
    making = asyncio.create_task(attempts.make("j", 2, work))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(work.go_on.set)
    await attempts.made("j")
    assert work.done == 1
    await attempts.made("another")
    await making


async def test_an_attempt_that_was_made_is_not_given_up() -> None:
    attempts, work = Attempts(), Work()
    work.go_on.set()
    await attempts.make("j", 2, work)
    assert not await attempts.give_up("j")
