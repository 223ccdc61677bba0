"""Jobs of ours on a cluster, found by what is written on them, with all that a list and a description show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ciao.backends.kubeflow.describing import facts, places
from ciao.backends.kubeflow.finding import OUTCOME, Found, events_of, found_jobs, seen_now, story_of
from ciao.backends.kubeflow.keeping import told_outcome
from ciao.backends.kubeflow.labels import PREFIX, job_of, spec_of
from ciao.model import Finished, Outcome, Phase, ReplicaState
from fakes.apiserver import ApiServer, answer, connected, status
from fakes.asked import made, spec

JOBS = "GET /apis/kubeflow.org/v1/namespaces/team/pytorchjobs"
PODS = "GET /api/v1/namespaces/team/pods"
KIND = made(spec()).kind


def job(**annotations: str) -> dict[str, Any]:
    manifest = made(spec()).job
    metadata = {**manifest["metadata"], "uid": "u-1"}
    metadata["annotations"] = {**metadata["annotations"], **annotations}
    return {**manifest, "metadata": metadata}


def found(**annotations: str) -> Found:
    manifest = job(**annotations)
    known, asked = job_of(manifest), spec_of(manifest)
    assert known is not None
    assert asked is not None
    return Found(kind=KIND, manifest=manifest, job=known, spec=asked)


def pod(index: int, *, node: str = "", when: str = "2026-01-01T00:00:00Z", name: str = "") -> dict[str, Any]:
    labels = {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/replica-index": str(index)}
    container = {"name": "pytorch", "image": "torch:1", "env": [{"name": "CIAO_JOB", "value": "x"}]}
    metadata = {"name": name or f"pytorch-x2v9q-worker-{index}", "uid": f"p-{index}", "creationTimestamp": when}
    metadata["labels"] = labels | {"ciao/job": "pytorch-x2v9q"}  # type: ignore[assignment]  # a manifest's
    return {"metadata": metadata, "spec": {"containers": [container], **({"nodeName": node} if node else {})}}


async def test_a_kind_that_one_may_not_see_hides_no_other_job() -> None:
    no = status(403, "Forbidden", "no")
    async with ApiServer({JOBS: answer({"items": [job()]}), PODS: no}) as server, connected(server) as api:
        [one] = await found_jobs(api, [KIND], namespace="team")
    assert (one.job.name, one.kind, one.namespace, one.phase) == ("pytorch-x2v9q", "PyTorchJob", "team", Phase.PENDING)


def test_replicas_of_a_job_that_ended_do_not_wait_though_their_pods_are_gone() -> None:
    outcome = json.dumps(told_outcome(Outcome(phase=Phase.SUCCEEDED, ended=5.0)))
    summary = seen_now(story_of(found(**{OUTCOME: outcome})), []).summary()
    assert summary.phase is Phase.SUCCEEDED
    assert {replica.state for replica in summary.replicas} == {ReplicaState.ENDED}


def test_an_event_tells_why_a_replica_without_a_pod_waits() -> None:
    said = 'pods "x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0'
    event = {"reason": "FailedCreatePod", "message": said, "involvedObject": {"kind": "PyTorchJob", "name": "x"}}
    summary = seen_now(story_of(found()), [], events=[event]).summary()
    assert all(r.reason.startswith("the namespace's quota few is used up") for r in summary.replicas)


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("mine", "mine lies beside the notebook, and not in its image: send it along with %include=mine.py"),
        ("own.part", "own lies beside the notebook, and not in its image: send it along with %include=own/"),
        ("einops", "einops is not in its image: add %package=einops, or %include=einops if it is your own"),
        ("sklearn", "sklearn is not in its image: add %package=scikit-learn, or %include=sklearn if it is your own"),
        ("json.nosuch", "json is of Python's own library, which has no json.nosuch"),
        ("tkinter", "and this one lacks it: choose another image with %image="),
        ("own/part", "own/part is not in its image"),
    ],
)
def test_a_module_of_the_users_own_is_never_called_a_package(module: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "part.py").touch()
    (tmp_path / "own" / "part").mkdir()
    (tmp_path / "own" / "part" / "a.py").touch()
    known = story_of(found(**{f"{PREFIX}notebook": str(tmp_path / "a.ipynb")}))
    error = {"ename": "ModuleNotFoundError", "evalue": f"No module named '{module}'"}
    record = json.dumps({"v": 1, "type": "error", "time": 200.0, "error": error})
    ended = {"exitCode": 1, "reason": "Error", "message": record, "finishedAt": "1970-01-01T00:03:20Z"}
    one = pod(0)
    one["status"] = {"containerStatuses": [{"name": "pytorch", "state": {"terminated": ended}}]}
    told = [*known.see_pod(one, now=200), *known.tick(now=1000)]
    (end,) = (event for event in told if isinstance(event, Finished))
    assert hint in end.outcome.hint


async def test_events_of_other_jobs_are_none_of_ours() -> None:
    items = [{"involvedObject": {"name": name}} for name in ("pytorch-x2v9q-worker-0", "other-worker-0")]
    async with (
        ApiServer({"GET /api/v1/namespaces/team/events": answer({"items": items})}) as server,
        connected(server) as api,
    ):
        assert await events_of(api, found()) == items[:1]


def test_a_description_names_object_image_pods_and_nodes() -> None:
    pods = [pod(0, node="node-3"), pod(1), pod(0, node="node-1", when="2025-12-31T00:00:00Z", name="old")]
    assert dict(facts(found(), pods)) == {
        "object": "pytorchjobs.kubeflow.org/pytorch-x2v9q",
        "uid": "u-1",
        "image": "torch:1",
        "code": "in a ConfigMap (configmap)",
    }
    assert places(pods, ("worker-0", "worker-1")) == {
        "worker-0": "pytorch-x2v9q-worker-0 on node-3",
        "worker-1": "pytorch-x2v9q-worker-1, no node yet",
    }
