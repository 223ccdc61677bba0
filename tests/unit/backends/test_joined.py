"""Several backends as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import pytest

from ciao.backends.base import Backend
from ciao.backends.joined import Joined, listed
from ciao.errors import BackendUnavailable, JobNotFound
from ciao.model import Phase, Summary
from fakes.backend import Scripted
from fakes.jobs import NOON, finished, lines, summary

AWAY = BackendUnavailable("the cluster gave no answer in time", hint="Look at the cable")


@dataclass(kw_only=True)
class Away(Scripted):
    """A cluster that cannot be reached."""

    name: str = "kubeflow"
    where: str = "ctx/team"

    async def jobs(self) -> Sequence[Summary]:
        raise AWAY

    async def job(self, name: str) -> Summary:
        raise AWAY


class Silent(Away):
    async def jobs(self) -> Sequence[Summary]:
        await asyncio.Event().wait()
        return ()


def at(name: str, when: float, phase: Phase = Phase.RUNNING) -> Summary:
    found = summary(name, phase)
    return replace(found, job=replace(found.job, created=when))


def local(*summaries: Summary, **script: object) -> Scripted:
    return Scripted(summaries=summaries, calls=["create"], **script)  # type: ignore[arg-type]  # any of its fields


def cluster(*summaries: Summary, **script: object) -> Scripted:
    there = local(*summaries, **script)
    return replace(there, name="kubeflow", where="ctx/team")


def names(found: Sequence[Summary]) -> list[str]:
    return [s.job.name for s in found]


async def test_the_jobs_of_all_are_listed_newest_first() -> None:
    both: Backend = Joined(cluster(at("b", NOON + 2)), local(at("a", NOON + 3), at("c", NOON)))
    assert names(await both.jobs()) == ["a", "b", "c"]
    assert (both.name, both.where) == ("kubeflow", "ctx/team and local")


async def test_what_takes_a_name_goes_to_where_the_job_is() -> None:
    there, here = cluster(at("far", NOON)), local(at("near", NOON), script=[lines("x"), finished()])
    both = Joined(there, here)
    await both.cancel("near")
    await both.delete("near")
    async with aclosing(both.watch("near")) as events:
        assert len([event async for event in events]) == 2
    assert (here.calls[1:], there.calls[1:]) == (["cancel", "delete", "watch"], [])
    await both.cancel("far")
    assert there.calls[1:] == ["cancel"]


async def test_a_cluster_that_cannot_be_reached_hides_no_local_jobs() -> None:
    found = await listed(Joined(Away(), local(at("near", NOON))))
    assert (names(found.summaries), found.missing) == (["near"], (AWAY,))


async def test_a_cluster_that_does_not_answer_is_not_waited_for() -> None:
    found = await listed(Joined(local(at("near", NOON)), Silent(), patience=0.01))
    assert names(found.summaries) == ["near"]
    assert str(found.missing[0]) == "ctx/team gave no answer in 0.01 s"


async def test_if_nobody_answers_that_is_the_error() -> None:
    with pytest.raises(BackendUnavailable, match="no answer in time"):
        await Joined(Away(), Away()).jobs()


async def test_a_job_that_nobody_has_is_not_found_unless_somebody_could_not_be_asked() -> None:
    with pytest.raises(JobNotFound, match="there is no job 'x'"):
        await Joined(cluster(), local()).job("x")
    with pytest.raises(BackendUnavailable, match="no answer in time"):
        await Joined(local(), Away()).job("x")
