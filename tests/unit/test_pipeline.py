"""The path of a cell, and its cancellation at every stage."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass, field

import pytest

from ciao import pipeline
from ciao.engine import Engine
from ciao.errors import CreateRefused
from ciao.model import (
    Bundled,
    Cell,
    Created,
    Event,
    Finished,
    Job,
    JobSpec,
    Notice,
    Outcome,
    Packing,
    Phase,
    Role,
    RoleSpec,
    SpecRead,
    Summary,
)
from fakes.backend import CANCELLED, NoBundle, Scripted

DONE = Finished(outcome=Outcome(phase=Phase.SUCCEEDED, ended=1.0))
SPEC = JobSpec(
    cell=Cell(text="pass", number=1),
    code="pass",
    framework="jax",
    roles=(RoleSpec(role=Role.WORKER, count=1),),
)


async def told(backend: Scripted, s2i: NoBundle, *, cancel: bool = False) -> list[Event]:
    events: list[Event] = []

    async def consume() -> None:
        async with aclosing(pipeline.run(SPEC, s2i=s2i, backend=backend)) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401  # what was told before a cancellation counts

    task = asyncio.create_task(consume())
    if cancel:
        await until(lambda: bool(backend.calls or (s2i.slow and events)))
        task.cancel()
    await task
    return events


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not reached():  # noqa: ASYNC110  # the fakes tell nobody
            await asyncio.sleep(0)
        for _ in range(20):  # what follows without waiting
            await asyncio.sleep(0)


async def test_a_cell_is_told_from_spec_to_end() -> None:
    events = await told(Scripted(script=[DONE]), NoBundle())
    assert [type(e) for e in events] == [SpecRead, Bundled, Created, Finished]


async def test_a_job_has_its_name_before_it_is_created() -> None:
    events = await told(Scripted(script=[DONE]), NoBundle())
    (created,) = [e for e in events if isinstance(e, Created)]
    assert created.job.name.startswith("jax-")


@pytest.mark.parametrize(
    ("backend", "s2i", "calls"),
    [
        (Scripted(), NoBundle(slow=True), ["cancel"]),
        (Scripted(slow_create=True), NoBundle(), ["create", "cancel"]),
        (Scripted(endless=True), NoBundle(), ["create", "watch", "cancel"]),
    ],
    ids=["in the bundle", "in the creation", "in the run"],
)
async def test_a_cancellation_ends_the_job_at_any_stage(backend: Scripted, s2i: NoBundle, calls: list[str]) -> None:
    events = await told(backend, s2i, cancel=True)
    assert backend.calls == calls
    assert isinstance(events[-1], Finished)
    assert events[-1].outcome.phase is CANCELLED.phase


async def test_what_a_backend_refuses_is_never_created() -> None:
    backend = Scripted(refuses=CreateRefused("no"))
    with pytest.raises(CreateRefused):
        await told(backend, NoBundle())
    assert backend.calls == []


async def test_attach_lets_go_of_a_job_without_ending_it() -> None:
    job = Job.named(SPEC, backend="local", now=0.0)
    backend = Scripted(endless=True, summaries=[Summary(job=job, phase=Phase.RUNNING, replicas=())])

    async def follow() -> None:
        async with aclosing(pipeline.attach(job.name, backend=backend)) as stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(follow())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert backend.calls == ["watch"]


@dataclass(kw_only=True)
class Held(Scripted):
    """Keeps the engine's loop busy in its check until ``asked`` is set; a cancellation that came by then is waiting."""

    entered: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        self.entered.set()
        assert self.asked.wait(30)
        await asyncio.sleep(0)
        return ()


async def test_a_cancellation_before_anything_is_created_creates_nothing() -> None:
    backend = Held(script=[DONE])
    with closing(Engine()) as engine:
        run = engine.run(pipeline.run(SPEC, s2i=NoBundle(), backend=backend), lambda _: None)
        assert backend.entered.wait(30)
        run.cancel()
        backend.asked.set()
        outcome = run.done.result(30)
    assert outcome is not None
    assert (outcome.phase, backend.calls) == (Phase.CANCELLED, ["cancel"])


@dataclass(kw_only=True)
class Slow(Scripted):
    """Takes its time to end a job, and then fails to."""

    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def cancel(self, name: str) -> Outcome:
        self.calls.append("cancel")
        await self.enough.wait()
        self.calls.append("given up")
        raise CreateRefused("no")


async def test_a_second_cancellation_waits_no_longer_and_the_first_goes_on() -> None:
    backend, events = Slow(endless=True), list[Event]()

    async def consume() -> None:
        async with aclosing(pipeline.run(SPEC, s2i=NoBundle(), backend=backend)) as stream:
            async for event in stream:
                events.append(event)  # what was told before a cancellation counts

    task = asyncio.create_task(consume())
    for stage in ("watch", "cancel"):
        await until(lambda stage=stage: stage in backend.calls)  # type: ignore[misc]  # a default is no argument
        task.cancel()
    await task
    assert isinstance(events[-1], Finished)
    assert events[-1].outcome.phase is Phase.CANCELLED
    backend.enough.set()
    await until(lambda: "given up" in backend.calls)


async def test_what_the_packing_tells_is_told_before_its_bundle() -> None:
    news = (Packing(step="pushing", done=1, total=2), Packing(step="pushing", done=2, total=2), Notice(text="large"))
    events = await told(Scripted(script=[DONE]), NoBundle(tells=news))
    assert events[1:3] == [news[1], news[2]]  # nobody needs progress that is overtaken
    assert [type(e) for e in events[3:]] == [Bundled, Created, Finished]
