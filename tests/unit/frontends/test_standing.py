"""Where a job's replicas stand at its end, as far as anybody was told."""

from __future__ import annotations

import pytest

from ciao.frontends.display.standing import Standing
from ciao.model import (
    Created,
    Finished,
    Job,
    Outcome,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
)

JOB = Job(
    name="jax-x1", backend="local", framework="jax", replicas=("worker-0", "worker-1", "worker-2"), created=1000.0
)


@pytest.fixture
def standing() -> Standing:
    """One replica is done, one runs, one waits."""
    standing = Standing(where="local", clock=lambda: 1.0, now=lambda: 1001.0)
    standing.hear(Created(job=JOB))
    states = (ReplicaState.SUCCEEDED, ReplicaState.RUNNING, ReplicaState.WAITING)
    for replica, state in zip(JOB.replicas, states, strict=True):
        standing.hear(ReplicaChanged(status=ReplicaStatus(replica=replica, state=state, since=1001.0, reason="why")))
    return standing


def states(standing: Standing) -> list[str]:
    shown = standing.view(None, apart=False).replicas
    return [shown[replica].state.value for replica in JOB.replicas]


def end(standing: Standing, phase: Phase, message: str = "") -> list[str]:
    standing.hear(Finished(outcome=Outcome(phase=phase, ended=1002.0, message=message)))
    return states(standing)


def test_who_was_not_done_has_ended_with_a_cancelled_job(standing: Standing) -> None:
    assert end(standing, Phase.CANCELLED) == ["succeeded", "ended", "ended"]


def test_who_still_ends_is_not_called_ended(standing: Standing) -> None:
    assert end(standing, Phase.CANCELLED, "its last pod is still being ended by its node")[1:] == ["running", "waiting"]


def test_of_a_job_that_is_lost_nothing_is_claimed(standing: Standing) -> None:
    assert end(standing, Phase.LOST)[1:] == ["running", "waiting"]
