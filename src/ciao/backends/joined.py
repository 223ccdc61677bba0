"""Several backends as one, so that a job is found wherever it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ciao.backends.base import Backend
from ciao.errors import BackendError, BackendUnavailable, CiaoError, JobNotFound
from ciao.model import Bundle, Event, Job, JobSpec, Notice, Outcome, Standing, Summary, Target

__all__ = ["PATIENCE", "Joined", "Listing", "listed"]

PATIENCE = 10.0
"""Seconds for which a list waits for one backend: a cluster that does not answer hides no other jobs."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The jobs that could be found, newest first. ``missing`` are the errors of backends that could not be asked."""

    summaries: Sequence[Summary]
    missing: tuple[CiaoError, ...] = ()


async def listed(backend: Backend) -> Listing:
    """Every job that can be found. Raises BackendError only if no backend answers."""
    if isinstance(backend, Joined):
        return await backend.listed()
    return Listing(summaries=await backend.jobs())


class Joined:
    """New jobs go to the ``first``; what takes a name goes to where the job is."""

    def __init__(self, first: Backend, *others: Backend, patience: float = PATIENCE) -> None:
        self._backends = (first, *others)
        self._patience = patience
        self._at: dict[str, Backend] = {}

    @property
    def name(self) -> str:
        """The first one's."""
        return self._backends[0].name

    @property
    def where(self) -> str:
        """All places."""
        return " and ".join(backend.where for backend in self._backends)

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        """By the first."""
        return await self._backends[0].check(spec)

    async def target(self, spec: JobSpec) -> Target:
        """Of the first."""
        return await self._backends[0].target(spec)

    async def plan(self, spec: JobSpec, job: Job, bundle: Bundle) -> str:
        """By the first."""
        return await self._backends[0].plan(spec, job, bundle)

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        """On the first."""
        await self._backends[0].create(spec, job, bundle)
        self._at[job.name] = self._backends[0]

    async def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
        """Where the job is."""
        async with aclosing((await self._home(name)).watch(name, replica=replica)) as events:
            async for event in events:
                yield event

    async def cancel(self, name: str) -> Outcome:
        """Where the job is."""
        return await (await self._home(name)).cancel(name)

    async def delete(self, name: str) -> None:
        """Where the job is."""
        await (await self._home(name)).delete(name)
        self._at.pop(name, None)

    async def jobs(self) -> Sequence[Summary]:
        """Those of all that answer."""
        return (await self.listed()).summaries

    async def job(self, name: str) -> Summary:
        """Where the job is."""
        return await (await self._home(name)).job(name)

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        """Where the job is."""
        return await (await self._home(name)).stacks(name, replica=replica)

    async def listed(self) -> Listing:
        """The jobs of all, and who could not be asked. Raises that error if nobody could."""
        answers = await asyncio.gather(*map(self._jobs_of, self._backends))
        missing = tuple(answer for answer in answers if isinstance(answer, CiaoError))
        if len(missing) == len(answers):
            raise missing[0]
        found: list[Summary] = []
        for backend, answer in zip(self._backends, answers, strict=True):
            if not isinstance(answer, CiaoError):
                self._at.update(dict.fromkeys((s.job.name for s in answer), backend))
                found += answer
        return Listing(summaries=sorted(found, key=lambda s: s.job.created, reverse=True), missing=missing)

    async def _jobs_of(self, backend: Backend) -> Sequence[Summary] | CiaoError:
        try:
            async with asyncio.timeout(self._patience):
                return await backend.jobs()
        except TimeoutError:
            return BackendUnavailable(f"{backend.where} gave no answer in {self._patience:g} s")
        except CiaoError as error:
            return error

    async def _home(self, name: str) -> Backend:
        """The backend that has the job. Raises JobNotFound, or why one that may have it could not be asked."""
        if name not in self._at:
            self._at[name] = await self._searched(name)
        return self._at[name]

    async def _searched(self, name: str) -> Backend:
        problem: BackendError | None = None
        for backend in self._backends:
            try:
                await backend.job(name)
            except JobNotFound as error:
                problem = problem or error
            except BackendError as error:
                problem = error
            else:
                return backend
        assert problem is not None  # noqa: S101  # there is at least one backend
        raise problem
