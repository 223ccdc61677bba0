"""The commands on a real cluster: what people see of it, and what doctor says of their rights."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.backends.local.backend import Local
from ciao.commands.check import Check
from ciao.commands.cluster_checks import cluster_checks
from ciao.commands.describe import describe
from ciao.commands.end import delete
from ciao.commands.jobs import jobs
from ciao.commands.logs import logs
from ciao.commands.plan import plan
from ciao.commands.wanted import Wanted
from ciao.errors import CreateRefused
from ciao.frontends.display import page, present
from ciao.model import Cell, Created, Notice, Phase, Resources, Role, RoleSpec
from ciao.s2i.configmap import ConfigMap
from ciao.session import Session
from ciao.settings import Settings
from fakes.told import Create, Ran, Run, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


async def checked(settings: Settings) -> list[Check]:
    """All that doctor says, with time for a cluster that has much to do."""
    return await cluster_checks(settings, limit=60.0)


def wrong(found: list[Check]) -> list[Check]:
    return [check for check in found if check.verdict != "ok"]


@pytest.fixture
def stranger(settings: Settings, kubectl: Kubectl, tmp_path: Path) -> Settings:
    """The settings of a service account without any right."""
    token = kubectl("create", "token", "default").strip()
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    file = tmp_path / "stranger"
    file.write_text(yaml.safe_dump(config))
    return replace(settings, kubeconfig=file)


@pytest.fixture
def shell(kubectl: Kubectl) -> Callable[[str], None]:
    """Type a line as the administrator."""
    from cluster import builds

    def typed(line: str) -> None:
        path = f"{Path(builds.program('kubectl')).parent}:{os.environ['PATH']}"
        environ = {"PATH": path, "KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(kubectl.kubeconfig.parent)}
        subprocess.run(["/bin/sh", "-c", line], env=environ, check=True, capture_output=True)

    return typed


async def test_doctor_finds_all_well_for_an_administrator(settings: Settings) -> None:
    found = await checked(settings)
    assert wrong(found) == []
    words = {check.name: check.words for check in found}
    assert words["user"] == "the cluster knows you as admin"
    assert words["kinds"] == (
        "TFJob, PyTorchJob, JAXJob, XGBoostJob, PaddleJob, MPIJob (v1); "
        "TrainJob (its pods are changed by runtimePatches)"
    )
    assert "torch-distributed" in words["runtimes"]
    assert words["trial"] == "the cluster takes a job of pytorch, and its pods"


async def test_doctor_names_each_missing_right_and_its_lines_grant_exactly_what_a_job_needs(
    stranger: Settings, kubectl: Kubectl, shell: Callable[[str], None], spec: Spec
) -> None:
    found = wrong(await checked(stranger))
    missing = [check for check in found if check.name == "rights"]
    assert f"system:serviceaccount:{kubectl.namespace}:default" not in missing[0].fix  # kubectl wants it in two parts
    assert len(missing) >= 13
    shell("kubectl delete clusterrole ciao-list-clustertrainingruntimes.trainer.kubeflow.org --ignore-not-found")
    for check in missing:
        shell(check.fix)
    deadline = time.monotonic() + 60
    while found := wrong(await checked(stranger)):  # the server hears of the last binding a moment later
        assert time.monotonic() < deadline, found
    backend = Kubeflow(stranger)
    async with aclosing(pipeline.run(spec("print('hello')", workers=1), s2i=ConfigMap(), backend=backend)) as events:
        ran = Ran([event async for event in events])
    assert (ran.outcome.phase, ran.lines("worker-0")) == (Phase.SUCCEEDED, ["hello"])
    assert not [event for event in ran.events if isinstance(event, Notice) and "may not" in event.text]
    await delete(backend, next(event.job.name for event in ran.events if isinstance(event, Created)))
    await backend.close()
    assert kubectl("get", "pytorchjobs,configmaps", "-l", "ciao/job", "-o=name") == ""


async def test_doctor_shows_a_quota_and_a_namespace_that_takes_no_pods(settings: Settings, kubectl: Kubectl) -> None:
    kubectl("create", "quota", "few", "--hard=pods=0")
    kubectl.until("quota/few", "{.status.hard.pods}", "0")
    found = {check.name: check for check in wrong(await checked(settings))}
    assert (found["quota"].verdict, found["quota"].words) == ("warn", "few: pods 0 of 0")
    assert found["trial"].words == "the quota few is used up: pods=1 asked, pods=0 in use, at most pods=0"


async def test_doctor_says_that_a_namespace_is_not_there(settings: Settings) -> None:
    found = {check.name: check for check in wrong(await checked(replace(settings, namespace="none-such")))}
    assert found["namespace"].words == "there is no namespace none-such"
    assert found["trial"].words.endswith("there is no namespace 'none-such'")


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
async def test_a_plan_is_accepted_by_the_server_and_creates_nothing(
    settings: Settings, backend: Kubeflow, kubectl: Kubectl, kind: str
) -> None:
    session = Session(settings, backends={"kubeflow": backend})
    cell = Cell(text=f"%framework=pytorch\n%kind={kind}\n%worker=2;%cpu=1;%memory=1Gi\n%python=x\npass")
    found = await plan(cell, session)
    kinds = [document["kind"] for document in yaml.safe_load_all(found.yaml)]
    assert kinds[-2:] == ["ConfigMap", kind]
    assert [notice.text for notice in found.notices] == ["%python has no meaning on a cluster: the image decides"]
    assert kubectl("get", "configmaps,pods,pytorchjobs,trainjobs,trainingruntimes", "-l", "ciao/job", "-o=name") == ""


async def test_a_plan_that_the_server_refuses_says_why(settings: Settings, backend: Kubeflow) -> None:
    patch = "%patch='{spec: {containers: [{name: pytorch, image: null}]}}'"
    cell = Cell(text=f"%framework=pytorch\n%worker=2\n{patch}\npass")
    with pytest.raises(CreateRefused, match="refuses the PyTorchJob"):
        await plan(cell, Session(settings, backends={"kubeflow": backend}))


async def test_jobs_of_both_backends_are_listed_and_found_by_name(
    settings: Settings, backend: Kubeflow, job: Create, spec: Spec
) -> None:
    far = await job(spec("pass", workers=1))
    session = Session(settings, backends={"kubeflow": backend, "local": Local(settings)})
    listing = await jobs(session.everywhere())
    text = page.text(present.jobs(listing, now=0.0))
    assert far in text
    chosen = await describe(session.everywhere(), far)
    assert (chosen.summary.kind, chosen.summary.namespace) == ("PyTorchJob", settings.namespace)
    await backend.cancel(far)


async def test_a_job_that_waits_is_described_with_its_object_pods_and_reason(
    settings: Settings, backend: Kubeflow, job: Create, spec: Spec, kubectl: Kubectl
) -> None:
    name = await job(spec("pass", roles=(RoleSpec(role=Role.WORKER, count=2, resources=Resources(cpu="1000")),)))
    for number in range(2):
        kubectl.until(f"pod/{name}-worker-{number}", "{.status.conditions[0].reason}", "Unschedulable")
    shown = page.text(present.describe(await describe(backend, name), now=0.0))
    await backend.cancel(name)
    assert f"object     pytorchjobs.kubeflow.org/{name}" in shown
    assert f"namespace  {settings.namespace}" in shown
    assert f"image      {settings.images['pytorch']}" in shown
    assert f"{name}-worker-0, no node yet" in shown
    assert "worker-0, worker-1: none of " in shown


async def test_a_job_that_a_quota_keeps_from_having_pods_says_so_when_described(
    backend: Kubeflow, job: Create, spec: Spec, kubectl: Kubectl
) -> None:
    kubectl("create", "quota", "few", "--hard=pods=0")
    kubectl.until("quota/few", "{.status.hard.pods}", "0")
    name = await job(spec("pass", workers=1))
    async with asyncio.timeout(60):
        while not (found := await backend.job(name)).replicas[0].reason:  # noqa: ASYNC110  # the cluster's, not ours
            await asyncio.sleep(0.1)
    await backend.cancel(name)
    assert found.replicas[0].reason.startswith("the namespace's quota few is used up")


async def test_logs_are_chosen_by_replica_expression_and_number(run: Run, backend: Kubeflow, spec: Spec) -> None:
    ran = await run(spec("import os\nfor i in range(5): print(os.environ['RANK'], 'step', i)", workers=2))
    assert ran.outcome.phase is Phase.SUCCEEDED
    wanted = replace(Wanted.of(grep=r"step [234]$", tail="2"), replica="worker-1")
    assert [line.text for line in (await logs(backend, wanted=wanted)).lines] == ["1 step 3", "1 step 4"]
    assert (await logs(backend, wanted=Wanted.of(since="2100-01-01"))).lines == ()


async def test_lines_so_far_of_a_running_job_come_though_nobody_followed_it(
    backend: Kubeflow, job: Create, spec: Spec, kubectl: Kubectl
) -> None:
    name = await job(spec("print('up', flush=True)\nimport time; time.sleep(60)", workers=1))
    kubectl.until(f"pod/{name}-worker-0", "{.status.phase}", "Running")
    async with asyncio.timeout(60):
        while not (found := await logs(backend, name)).lines:
            pass
    await backend.cancel(name)
    assert ([line.text for line in found.lines], found.running) == (["up"], True)
