"""What goes on when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ciao.errors import BackendUnavailable
from ciao.frontends.gateway import jobs
from ciao.model import Phase, Summary
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import Scripted
from fakes.jobs import summary


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Scripted], Awaitable[str]]]:
    """What is told of the jobs of a backend."""
    monkeypatch.setattr(jobs, "PATIENCE", 30)
    sessions: list[Session] = []

    async def of(backend: Scripted) -> str:
        sessions.append(Session(Settings(home=Path("nowhere")), backends={"local": backend}))
        return await jobs.going_on(sessions[-1])

    yield of
    for session in sessions:
        session.engine.close()


def test_jobs_that_run_are_named_with_what_finds_them() -> None:
    running = [summary("jax-aaaaa", Phase.RUNNING), summary("jax-bbbbb", Phase.PENDING)]
    said = jobs.words(running, "context/team")
    assert said == "2 jobs go on: jax-aaaaa, jax-bbbbb (context/team); find them with %ciao jobs"
    assert jobs.words(running[:1], "local") == "1 job goes on: jax-aaaaa (local); find it with %ciao jobs"


async def test_jobs_that_ended_are_not_named(said: Callable[[Scripted], Awaitable[str]]) -> None:
    both = [summary("jax-aaaaa", Phase.RUNNING), summary("jax-ended", Phase.SUCCEEDED)]
    assert await said(Scripted(summaries=both)) == "1 job goes on: jax-aaaaa (local); find it with %ciao jobs"
    assert await said(Scripted(summaries=both[1:])) == ""


async def test_a_cluster_that_does_not_answer_is_told(said: Callable[[Scripted], Awaitable[str]]) -> None:
    class Away(Scripted):
        async def jobs(self) -> list[Summary]:
            raise BackendUnavailable("the cluster is away")

    assert await said(Away()) == "which jobs go on is not known (the cluster is away); find them with %ciao jobs"


async def test_nobody_waits_long_for_a_list(
    said: Callable[[Scripted], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Scripted):
        async def jobs(self) -> list[Summary]:
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr(jobs, "PATIENCE", 0.01)
    assert await said(Slow()) == "which jobs go on is not known (no answer in 0.01 s); find them with %ciao jobs"
