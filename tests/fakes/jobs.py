"""Jobs as a backend would tell of them."""

from __future__ import annotations

from ciao.model import (
    Failure,
    Finished,
    Job,
    Line,
    Lines,
    Outcome,
    Phase,
    ReplicaState,
    ReplicaStatus,
    Summary,
)

NOON = 1_000_000.0
"""When the jobs of these tests are created."""

STATES = {
    Phase.PENDING: ReplicaState.WAITING,
    Phase.RUNNING: ReplicaState.RUNNING,
    Phase.SUCCEEDED: ReplicaState.SUCCEEDED,
    Phase.FAILED: ReplicaState.FAILED,
    Phase.CANCELLED: ReplicaState.ENDED,
    Phase.LOST: ReplicaState.ENDED,
}

BOOM = Failure(replica="worker-1", kind="exception", time=NOON + 8, ename="ValueError", evalue="no <such> file")


def summary(
    name: str,
    phase: Phase = Phase.SUCCEEDED,
    *,
    replicas: tuple[str, ...] = ("worker-0", "worker-1"),
    cell: str = "Cell In[7]",
    notebook: str = "",
    reason: str = "",
    failure: Failure | None = None,
) -> Summary:
    job = Job(
        name=name, backend="local", framework="pytorch", replicas=replicas, created=NOON, cell=cell, notebook=notebook
    )
    return Summary(
        job=job,
        phase=phase,
        replicas=tuple(ReplicaStatus(replica=r, state=STATES[phase], since=NOON + 2, reason=reason) for r in replicas),
        started=NOON + 1,
        outcome=Outcome(phase=phase, ended=NOON + 9, failure=failure) if phase.ended else None,
    )


def lines(*texts: str, replica: str = "worker-0", second: int = 0) -> Lines:
    """Lines of one replica, a second apart."""
    return Lines(
        lines=tuple(
            Line(replica, f"2026-01-01T00:00:{second + i:02d}.000000000Z", text) for i, text in enumerate(texts)
        )
    )


def finished(phase: Phase = Phase.SUCCEEDED, *, failure: Failure | None = None) -> Finished:
    return Finished(outcome=Outcome(phase=phase, ended=NOON + 9, failure=failure))
