"""A backend that is a value: it plays a script of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ciao.errors import CiaoError, JobNotFound
from ciao.model import Bundle, Event, Folder, Job, JobSpec, Notice, Outcome, Packing, Phase, Standing, Summary, Target
from ciao.s2i.base import Tell

CANCELLED = Outcome(phase=Phase.CANCELLED, ended=0.0)


@dataclass(kw_only=True)
class Scripted:
    """Plays ``script`` to whoever watches; with ``endless`` it then waits for ever. ``calls`` tells what was asked."""

    script: Sequence[Event] = ()
    endless: bool = False
    slow_create: bool = False
    refuses: CiaoError | None = None
    summaries: Sequence[Summary] = ()
    stand: Sequence[Standing] | CiaoError = ()
    calls: list[str] = field(default_factory=list)
    name: str = "local"
    where: str = "local"

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        if self.refuses is not None:
            raise self.refuses
        return ()

    async def target(self, spec: JobSpec) -> Target:
        return Target()

    async def plan(self, spec: JobSpec, job: Job, bundle: Bundle) -> str:
        return f"job: {job.name}\n"

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        self.calls.append("create")
        if self.slow_create:
            await asyncio.Event().wait()

    async def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
        self.calls.append("watch")
        for event in self.script:
            yield event
        if self.endless:
            await asyncio.Event().wait()

    async def cancel(self, name: str) -> Outcome:
        self.calls.append("cancel")
        if "create" not in self.calls:
            raise JobNotFound(f"there is no job {name!r}")
        return CANCELLED

    async def delete(self, name: str) -> None:
        self.calls.append("delete")

    async def jobs(self) -> Sequence[Summary]:
        return self.summaries

    async def job(self, name: str) -> Summary:
        for summary in self.summaries:
            if summary.job.name == name:
                return summary
        raise JobNotFound(f"there is no job {name!r}")

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        self.calls.append("stacks")
        if isinstance(self.stand, CiaoError):
            raise self.stand
        return [one for one in self.stand if replica in (None, one.replica)]


@dataclass(kw_only=True)
class NoBundle:
    """An S2IClient that packs nothing; with ``slow`` it never gets done."""

    slow: bool = False
    tells: Sequence[Packing | Notice] = ()
    name: str = "none"

    async def plan(self, spec: JobSpec, target: Target) -> Bundle:
        return Folder(path=Path("nowhere"), entry=spec.cell.filename)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Bundle:
        for one in self.tells:
            tell(one)
        if self.slow:
            await asyncio.Event().wait()
        return Folder(path=Path("nowhere"), entry=spec.cell.filename)
