"""The Kubeflow backend keeps what every backend promises. Each test runs real pods, as a PyTorchJob of workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Created, Event, Lines, Notice
from ciao.s2i.configmap import ConfigMap
from ciao.settings import Settings
from contract.backend import *  # noqa: F403  # its tests are found here
from contract.backend import FOREVER, until, up
from fakes.told import Spec

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
async def few(settings: Settings) -> AsyncIterator[Kubeflow]:
    """Shows the lines of one replica live."""
    backend = Kubeflow(replace(settings, live=1))
    yield backend
    await backend.close()


async def test_of_many_replicas_some_are_shown_live_and_any_other_on_demand(few: Kubeflow, spec: Spec) -> None:
    name = ""
    async with aclosing(pipeline.run(spec(FOREVER, workers=2), s2i=ConfigMap(), backend=few)) as events:
        seen: list[Event] = []
        async for event in events:
            seen.append(event)
            name = event.job.name if isinstance(event, Created) else name
            if up(1)(seen):
                break
        other = await until(name, few, up(2), replica="worker-1")
    assert any(f"`%ciao logs {name} REPLICA` shows one" in e.text for e in seen if isinstance(e, Notice))
    assert {line.replica for e in seen if isinstance(e, Lines) for line in e.lines} == {"worker-0"}
    assert "worker-1" in {line.replica for e in other if isinstance(e, Lines) for line in e.lines}
    await few.cancel(name)


async def test_all_logs_of_a_job_that_has_ended_are_read(few: Kubeflow, spec: Spec) -> None:
    async with aclosing(pipeline.run(spec("print('up')", workers=3), s2i=ConfigMap(), backend=few)) as events:
        told = [event async for event in events]
    name = next(e.job.name for e in told if isinstance(e, Created))
    again = [event async for event in few.watch(name)]
    assert {line.replica for e in again if isinstance(e, Lines) for line in e.lines} == {
        f"worker-{n}" for n in range(3)
    }
    await few.close()
