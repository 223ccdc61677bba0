"""Ends that others bring about: containers that are started again, pods that are made anew, deadlines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow import trainjob, v1
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Phase, Resources, Role, RoleSpec
from ciao.settings import Settings
from cluster import readiness
from fakes.followed import Follow, followed
from fakes.told import Create, Run, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

KINDS = pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
UP = "print('up', flush=True)\nimport time; time.sleep(600)"


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    return replace(settings, images={"pytorch": image("python")})


@pytest.fixture
async def follow(backend: Kubeflow) -> AsyncIterator[Follow]:
    async with followed(backend) as follow:
        yield follow


def gone(kubectl: Kubectl) -> None:
    """No pod of the namespace runs any more."""
    running = ("get", "pods", "--field-selector=status.phase=Running", "-o=name")
    readiness.until(lambda: not kubectl(*running), what="No pod runs")


async def test_the_first_end_of_a_container_that_is_started_again_is_the_error(
    run: Run, spec: Spec, image: Images, kubectl: Kubectl
) -> None:
    code = "import time\nprint('life', time.time_ns(), flush=True)\nraise ValueError('the first')"
    ran = await run(spec(code, workers=1, runtime="torch-distributed", image=image("python")))
    assert (ran.outcome.phase, ran.failure.ename, ran.failure.evalue) == (Phase.FAILED, "ValueError", "the first")
    lives = [line for line in ran.lines("worker-0") if line.startswith("life")]
    assert lives  # a second one too, if that began before the job was ended
    assert len(lives) == len(set(lives))
    gone(kubectl)


async def test_the_first_end_of_a_pod_that_is_made_anew_is_the_error(
    job: Create, spec: Spec, follow: Follow, kubectl: Kubectl
) -> None:
    wait = "for _ in range(200):\n    if os.path.exists('/ciao/work/go'): break\n    time.sleep(0.05)"
    code = f"import os, time\nprint('up', flush=True)\n{wait}\nos.kill(os.getpid(), 9)"
    roles = (RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu="10m", memory="64Mi")),)
    seen = follow(name := await job(spec(code, roles=roles, queue="none")))
    replica = {"Worker": {"restartPolicy": "ExitCode"}}  # the operator makes a pod anew after an end by a signal
    body = {"spec": {"pytorchReplicaSpecs": replica, "runPolicy": {"suspend": False}}}
    kubectl("patch", "pytorchjob", name, "--type=merge", f"--patch={json.dumps(body)}")
    await seen.until(lambda: seen.ran.lines("worker-0"))  # the operator takes the log away with the pod
    await asyncio.to_thread(kubectl.run, "exec", f"{name}-worker-0", "--", "touch", "/ciao/work/go")
    ran = await seen.end()
    assert (ran.failure.replica, ran.failure.ename) == ("worker-0", "SIGKILL")
    assert ran.lines("worker-0").count("up") == 1
    gone(kubectl)


@KINDS
async def test_a_job_that_runs_too_long_is_ended_with_all_of_its_pods(
    kind: str, run: Run, spec: Spec, kubectl: Kubectl
) -> None:
    ran = await run(spec(UP, kind=kind, timeout=4.0))
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "DeadlineExceeded")
    assert ran.failure.evalue == "the job ran longer than its timeout of 4 s"
    assert ran.outcome.hint == "Raise %timeout="
    assert "up" in ran.lines("worker-0") + ran.lines("worker-1")  # it runs from the first one's start on
    gone(kubectl)


@KINDS
async def test_the_cluster_itself_ends_a_job_that_nobody_watches(
    kind: str, job: Create, spec: Spec, follow: Follow, settings: Settings, kubectl: Kubectl,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(v1, "BACKSTOP", 1)
    monkeypatch.setattr(trainjob, "BACKSTOP", 1)
    name = await job(spec(UP, workers=1, kind=kind, timeout=2.0))
    kubectl.condition(f"{kind.lower()}/{name}", "Failed")
    another = Kubeflow(replace(settings, home=tmp_path / "another"))
    ran = await follow(name, another).end()
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "DeadlineExceeded")
    await another.close()
    gone(kubectl)


async def test_a_crash_when_python_ends_is_told_and_fails_nothing(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    code = "import os\nclass Late:\n    def __del__(self, end=os.abort): end()\nlate = Late()\nprint('trained')"
    ran = await run(spec(code))
    assert ran.outcome.phase is Phase.SUCCEEDED
    for replica in ("worker-0", "worker-1"):
        words = "ciao: SIGABRT while Python ended, when the code was done: the replica has succeeded"
        assert (ran.lines(replica)[0], ran.lines(replica)[-1]) == ("trained", words)
