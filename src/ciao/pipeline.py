"""The path of a cell: interpreter, S2IClient, backend, and back.

This function prints nothing. Every frontend listens to the same events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ciao.backends.base import Backend
from ciao.errors import JobNotFound
from ciao.model import Bundled, Created, Event, Finished, Job, JobSpec, Notice, Outcome, Packing, Phase, SpecRead
from ciao.s2i.base import S2IClient
from ciao.s2i.telling import told

__all__ = ["attach", "run"]


async def run(spec: JobSpec, *, s2i: S2IClient, backend: Backend) -> AsyncGenerator[Event, None]:
    """Run the job of a cell; yield all that happens, Finished last.

    A cancellation, at whatever stage, ends the job and yields its outcome.
    """
    job = Job.named(spec, backend=backend.name, now=time.time())  # named first: a cancellation finds it
    try:
        notices = await backend.check(spec)
        yield SpecRead(spec=spec)
        for notice in notices:
            yield notice
        target = await backend.target(spec)
        async with aclosing(told(lambda tell: s2i.build(spec, job, target, tell))) as steps:
            async for step in steps:
                if isinstance(step, Packing | Notice):
                    yield step
                else:
                    bundle = step
        yield Bundled(bundle=bundle)
        await asyncio.sleep(0)  # a cancellation that came meanwhile is seen before anything is created
        await backend.create(spec, job, bundle)
        yield Created(job=job)
        async with aclosing(backend.watch(job.name)) as events:
            async for event in events:
                yield event
    except asyncio.CancelledError:
        yield Finished(outcome=await _end(job.name, backend))


async def attach(name: str, *, backend: Backend, replica: str | None = None) -> AsyncGenerator[Event, None]:
    """Follow a job that exists, from its first line, and one ``replica`` of it in any case.

    A cancellation lets go of it; the job goes on.
    """
    summary = await backend.job(name)
    yield Created(job=summary.job)
    async with aclosing(backend.watch(name, replica=replica)) as events:
        async for event in events:
            yield event


async def _end(name: str, backend: Backend) -> Outcome:
    """Cancel the job. A second cancellation is impatience: who waits is let go, and the job ends all the same."""
    ending = asyncio.create_task(_cancel(name, backend))
    try:
        await asyncio.wait([ending])  # leaves the task alone when it is cancelled itself
    except asyncio.CancelledError:
        _endings.add(ending)
        ending.add_done_callback(_ended)
        return Outcome(phase=Phase.CANCELLED, ended=time.time(), message="its replicas are still being ended")
    return ending.result()


async def _cancel(name: str, backend: Backend) -> Outcome:
    try:
        return await backend.cancel(name)
    except JobNotFound:  # nothing was created yet
        return Outcome(phase=Phase.CANCELLED, ended=time.time())


_endings: set[asyncio.Task[Outcome]] = set()
"""Cancellations that nobody waits for any more; the loop itself would not keep them alive."""


def _ended(ending: asyncio.Task[Outcome]) -> None:
    _endings.discard(ending)
    if not ending.cancelled():
        ending.exception()  # looked at: nobody is left to be told
