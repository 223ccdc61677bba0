"""What is new of a job comes through one queue, in its order, and nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from ciao.backends.kubeflow.inbox import AT_ONCE, Inbox
from ciao.model import Notice

ONE = Notice(text="news")


@pytest.mark.parametrize("steps", range(5))
async def test_a_cancellation_that_comes_together_with_news_is_not_lost(steps: int) -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take(within=5))
    for _ in range(3):
        await asyncio.sleep(0)
    await inbox.put(ONE)
    for _ in range(steps):
        await asyncio.sleep(0)
    if taking.cancel():  # it had not ended yet
        with pytest.raises(asyncio.CancelledError):
            await taking


async def test_nothing_new_is_told_after_the_patience() -> None:
    assert await Inbox().take(within=0.001) == []


async def test_much_at_once_is_taken_in_parts_so_that_some_is_told() -> None:
    inbox = Inbox()
    for _ in range(AT_ONCE + 5):
        await inbox.put(ONE)
    assert [len(await inbox.take(within=5)) for _ in range(2)] == [AT_ONCE, 5]
    assert inbox.empty()
