"""An elastic job on a cluster goes on without a lost worker; what its code raises ends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciao.backends.kubeflow.blame import SETTLE, SETTLE_SECONDARY
from ciao.backends.kubeflow.losses import least_of
from ciao.backends.kubeflow.story import Story
from ciao.model import Event, Failure, Finished, Job, Notice, Phase, ReplicaChanged, ReplicaState

NAMES = ("worker-0", "worker-1")
RUNS = {"running": {"startedAt": "1970-01-01T00:01:40Z"}}
FAILED = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "1 Worker replica(s) failed"}]}}
STARTED = {"v": 1, "type": "started", "time": 210.0}


def elastic() -> Story:
    """Two workers that run, one of which may be lost."""
    job = Job(name="j", backend="kubeflow", framework="pytorch", replicas=NAMES, created=90.0)
    known = Story(job=job, least=1)
    told(*(known.see_pod(pod(name, RUNS), now=100) for name in NAMES))
    return known


def pod(replica: str, state: dict[str, Any], *, uid: str = "") -> dict[str, Any]:
    role, _, index = replica.rpartition("-")
    labels = {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": index}
    container = {"name": "c", "env": [{"name": "CIAO_JOB"}]}
    return {
        "metadata": {"name": f"j-{replica}", "uid": uid or replica, "labels": labels},
        "spec": {"containers": [container], "nodeName": "n1"},
        "status": {"containerStatuses": [{"name": "c", "state": state}]},
    }


def killed(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": "Error", "message": "", "finishedAt": "1970-01-01T00:03:20Z"}}


def record(ename: str, evalue: str) -> dict[str, Any]:
    return {"v": 1, "type": "error", "time": 201.0, "error": {"ename": ename, "evalue": evalue}}


LOST_PEER = record("RuntimeError", "Connection closed by peer [10.0.0.7]:1234")


def told(*events: Iterable[Event]) -> list[Event]:
    return [event for some in events for event in some]


def cause(known: Story, *, now: float) -> Failure:
    (finished,) = [e for e in known.tick(now) if isinstance(e, Finished)]
    assert finished.outcome.failure is not None
    return finished.outcome.failure


def test_the_job_says_whom_it_has_lost_and_runs_on_with_another_pod() -> None:
    known = elastic()
    seen = told(
        known.see_pod(pod("worker-1", killed(137)), now=200),
        known.see_record("worker-0", LOST_PEER, now=201),
        known.see_pod(pod("worker-1", killed(137)), now=202, deleted=True),
    )
    (notice,) = [e.text for e in seen if isinstance(e, Notice)]
    assert notice.startswith("worker-1 is lost (SIGKILL: ")
    assert notice.endswith(": the job goes on, and the cluster starts it again")
    assert told(known.tick(201 + SETTLE_SECONDARY)) == []
    back = told(known.see_pod(pod("worker-1", RUNS, uid="second"), now=230))
    assert [e.status.state for e in back if isinstance(e, ReplicaChanged)] == [ReplicaState.RUNNING]
    assert told(known.tick(900)) == []


def test_a_pod_that_somebody_deleted_is_lost_too() -> None:
    known = elastic()
    (notice,) = [e for e in known.see_pod(pod("worker-1", RUNS), now=200, deleted=True) if isinstance(e, Notice)]
    assert "PodDeleted" in notice.text
    assert told(known.tick(900)) == []


def test_what_the_code_raises_after_a_loss_is_the_cause() -> None:
    known = elastic()
    told(known.see_pod(pod("worker-1", killed(137)), now=200), known.see_record("worker-0", LOST_PEER, now=201))
    told(
        known.see_record("worker-0", STARTED, now=220),
        known.see_record("worker-0", record("ValueError", "no"), now=300),
    )
    assert cause(known, now=300 + SETTLE).ename == "ValueError"


def test_a_loss_that_the_others_do_not_survive_is_the_cause() -> None:
    known = elastic()
    told(known.see_pod(pod("worker-0", killed(137)), now=200), known.see_pod(pod("worker-1", killed(1)), now=203))
    assert (cause(known, now=203 + SETTLE).ename, known.outcome and known.outcome.phase) == ("SIGKILL", Phase.FAILED)


def test_the_operators_verdict_follows_from_a_loss() -> None:
    known = elastic()
    told(known.see_pod(pod("worker-0", killed(137)), now=200), known.see_job(FAILED, now=210))
    assert cause(known, now=210 + SETTLE_SECONDARY).ename == "SIGKILL"


def test_who_is_killed_again_and_again_is_not_spared_for_ever() -> None:
    known = elastic()
    for number in range(3):
        told(known.see_pod(pod("worker-1", killed(137), uid=f"{number}"), now=200 + number))
    assert cause(known, now=300).ename == "SIGKILL"


def test_another_job_has_nobody_to_spare() -> None:
    assert least_of({"spec": {"elasticPolicy": {"minReplicas": 2}}}) == 2
    assert least_of({"spec": {"pytorchReplicaSpecs": {}}}) is None
