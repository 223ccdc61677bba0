"""Jobs that are no longer on their cluster: told from what this machine keeps of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ciao.backends.kubeflow.keeping import Keep
from ciao.backends.kubeflow.replay import replay
from ciao.errors import StateError
from ciao.model import (
    Event,
    Finished,
    Job,
    Lines,
    Outcome,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    Summary,
)

__all__ = ["kept", "past", "remembered"]


def kept(home: Path) -> Iterator[tuple[Keep, Job]]:
    """Every job that is kept and can be read."""
    for keep in Keep.all(home):
        with contextlib.suppress(StateError):
            yield keep, keep.job()


def remembered(keep: Keep, job: Job) -> Summary:
    """What a list shows of a job that is no longer on its cluster."""
    outcome = keep.outcome() or Outcome(phase=Phase.LOST, ended=job.created, message="it is no longer on its cluster")
    ended = tuple(ReplicaStatus(replica=r, state=ReplicaState.ENDED, since=outcome.ended) for r in job.replicas)
    known = keep.known()
    return Summary(
        job=job,
        phase=outcome.phase,
        replicas=ended,
        outcome=outcome,
        kind=str(known.get("kind") or ""),
        namespace=str(known.get("namespace") or ""),
    )


def past(keep: Keep, job: Job) -> Iterator[Event]:
    """A job that is no longer on its cluster, told from what is kept."""
    for part in replay(keep):
        if part.lines:
            yield Lines(lines=part.lines, lost=part.lost)
    summary = remembered(keep, job)
    yield from (ReplicaChanged(status=status) for status in summary.replicas)
    assert summary.outcome is not None  # noqa: S101  # remembered gives one
    yield Finished(outcome=summary.outcome)
