"""A build and what it tells, as one stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from ciao.model import Bundle, Notice, Packing
from ciao.s2i.base import Tell

__all__ = ["told"]


async def told(build: Callable[[Tell], Awaitable[Bundle]]) -> AsyncGenerator[Packing | Notice | Bundle, None]:
    """All that it tells, then its bundle. Whoever stops to listen ends the build, and waits until it has ended.

    Of progress that nobody has taken yet only the last is kept: a listener that is slow delays no upload.
    """
    news: list[Packing | Notice] = []
    fresh = asyncio.Event()

    def tell(one: Packing | Notice) -> None:
        if news and isinstance(one, Packing) and isinstance(news[-1], Packing) and news[-1].step == one.step:
            news.pop()
        news.append(one)
        fresh.set()

    work = asyncio.ensure_future(build(tell))
    work.add_done_callback(lambda _: fresh.set())
    try:
        while not work.done() or news:
            await fresh.wait()
            fresh.clear()
            while news:
                yield news.pop(0)
        yield work.result()
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
