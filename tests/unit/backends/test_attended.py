"""A job that stands still is told beside its events, with who stands where. Time passes when somebody sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from ciao import pipeline
from ciao.backends.attended import attended
from ciao.errors import BackendError, BackendUnavailable, CiaoError
from ciao.model import (
    Cell,
    Created,
    Event,
    Finished,
    Frame,
    JobSpec,
    Notice,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    Role,
    RoleSpec,
    Standing,
    Thread,
)
from fakes.backend import NoBundle, Scripted
from fakes.jobs import finished, lines, summary

SPEC = JobSpec(
    cell=Cell(text="pass", number=7), code="pass", framework="jax", roles=(RoleSpec(role=Role.WORKER, count=1),)
)
NAMES = ("worker-0", "worker-1", "worker-2")


def at(name: str, line: int, text: str) -> Standing:
    frame = Frame(file="/c/cell_7.py", line=line, function="<module>", source=(text,), in_cell=True)
    return Standing(replica=name, threads=(Thread(frames=(frame,)),))


STUCK = [at("worker-0", 9, "comm.Barrier()"), at("worker-1", 5, "time.sleep(60)"), at("worker-2", 9, "comm.Barrier()")]


def begun(names: Sequence[str] = NAMES) -> list[Event]:
    status = [ReplicaStatus(replica=name, state=ReplicaState.RUNNING, since=0.0) for name in names]
    return [Created(job=summary("a-1", replicas=tuple(names)).job), *(ReplicaChanged(status=one) for one in status)]


@dataclass(kw_only=True)
class Watched:
    """A job that says these things at these times, in seconds; nobody waits for them."""

    says: dict[float, Event] = field(default_factory=dict)
    names: Sequence[str] = NAMES
    stand: Sequence[Standing] | CiaoError | Callable[[], Sequence[Standing]] = ()
    patience: float = 100.0
    now: float = 0.0
    told: list[str] = field(default_factory=list)
    asked: int = 0

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        self.asked += 1
        if isinstance(self.stand, CiaoError):
            raise self.stand
        return self.stand() if callable(self.stand) else self.stand

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)

    def tell(self, event: Event) -> None:
        assert isinstance(event, Notice)
        self.told.append(event.text)

    async def events(self, until: float) -> AsyncGenerator[Event, None]:
        for event in begun(self.names):
            yield event
        for when, event in sorted(self.says.items(), key=lambda one: one[0]):
            while self.now < when:  # noqa: ASYNC110 - a clock that others move
                await asyncio.sleep(0)
            yield event
        while self.now < until:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        yield finished()

    async def run(self, until: float = 1000.0) -> list[str]:
        """What is told beside and among the events."""
        seen = attended(
            self.events(until),
            self,  # type: ignore[arg-type]  # nothing else of a backend is used
            self.tell,
            patience=self.patience,
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        async with asyncio.timeout(20), aclosing(seen) as events:
            self.told += [event.text async for event in events if isinstance(event, Notice)]
        return self.told


async def test_a_standstill_names_who_stands_elsewhere_and_where_the_others_wait() -> None:
    (text,) = await Watched(stand=STUCK).run()
    assert text == (
        "no line from any replica for 1 min: worker-1 stands at Cell In[7], line 5 (time.sleep(60)); the other 2 wait "
        "at line 9 (comm.Barrier()). `%ciao stacks a-1` shows more"
    )


async def test_that_lines_come_again_is_among_the_events() -> None:
    told = await Watched(stand=STUCK, says={300.0: lines("x")}).run(until=350.0)
    assert told[1:] == ["lines come again, after 5 min"]


async def test_without_the_right_the_command_is_named() -> None:
    told = await Watched(stand=BackendError("ann may not create pods/exec")).run()
    assert told == ["no line from any replica for 1 min: `%ciao stacks a-1` shows where each stands"]


async def test_a_cluster_that_cannot_be_reached_is_no_standstill() -> None:
    watched = Watched(stand=BackendUnavailable("away"))
    assert await watched.run() == []
    assert watched.asked > 3


async def test_replicas_that_move_are_told_later_and_as_such() -> None:
    watched = Watched()
    watched.stand = lambda: [at("worker-0", watched.asked, "work()"), at("worker-1", watched.asked, "work()")]
    (text,) = await watched.run()
    assert text.startswith("no line from any replica for 3 min, but they work: where they stand changes")


async def test_a_wide_job_is_not_asked() -> None:
    watched = Watched(names=[f"worker-{n}" for n in range(33)])
    assert await watched.run() == ["no line from any replica for 1 min: `%ciao stacks a-1` shows where each stands"]
    assert watched.asked == 0


async def test_lines_that_come_while_it_is_asked_are_no_standstill() -> None:
    watched = Watched(says={106.0: lines("x")})
    watched.stand = lambda: STUCK
    assert await watched.run(until=190.0) == []
    assert watched.asked == 2


async def test_one_that_stays_behind_is_named() -> None:
    says: dict[float, Event] = {}
    for step in range(60):
        for n, name in enumerate(NAMES if step < 5 else NAMES[:2]):
            says[step * 5.0 + n / 10] = lines(f"step {step}", replica=name)
    (text,) = await Watched(stand=STUCK[1:2], says=says).run(until=300.0)
    assert text.startswith("worker-2 stays at step 4 for 1 min, the others are at step ")
    assert "worker-1 stands at Cell In[7], line 5" in text


async def test_with_a_patience_of_zero_nobody_looks() -> None:
    watched = Watched(stand=STUCK, patience=0.0)
    seen = attended(watched.events(-1.0), watched, watched.tell, patience=0.0)  # type: ignore[arg-type]  # as above
    assert isinstance([event async for event in seen][-1], Finished)
    assert watched.asked == 0


async def test_a_cancellation_still_ends_the_job_and_tells_its_outcome() -> None:
    backend = Scripted(script=begun()[1:], endless=True)
    seen: list[Event] = []

    async def follow() -> None:
        run = pipeline.run(SPEC, s2i=NoBundle(), backend=backend)
        async with aclosing(attended(run, backend, seen.append, patience=100.0)) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what was told before a cancellation counts

    task = asyncio.create_task(follow())
    while not any(isinstance(event, ReplicaChanged) for event in seen):  # noqa: ASYNC110 - a script, not an event
        await asyncio.sleep(0)
    task.cancel()
    await task
    assert isinstance(seen[-1], Finished)
    assert seen[-1].outcome.phase is Phase.CANCELLED
    assert len(asyncio.all_tasks()) <= 2


async def test_a_listener_that_fails_ends_the_looking_and_nothing_else() -> None:
    watched = Watched(stand=STUCK)

    def tell(_: Event) -> None:
        raise ValueError("no")

    watched.tell = tell  # type: ignore[assignment, method-assign]  # a listener of its own
    assert await watched.run(until=90.0) == []


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
async def test_after_the_end_nothing_is_told(phase: Phase) -> None:
    assert await Watched(stand=STUCK, says={50.0: finished(phase)}).run(until=0.0) == []
