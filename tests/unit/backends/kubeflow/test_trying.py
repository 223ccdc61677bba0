"""A dry run asks for everything that a run would create, and creates nothing."""

from __future__ import annotations

import pytest

from ciao.backends.kubeflow import creating
from ciao.errors import CreateRefused
from fakes.apiserver import ApiServer, answer, connected, status
from fakes.asked import made, spec

CODE = "POST /api/v1/namespaces/team/configmaps"
RUNTIME = "POST /apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainingruntimes"
JOB = "POST /apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainjobs"
THERE = status(409, "AlreadyExists", "it is there")
TAKEN = answer({}, code=201)


async def test_each_object_is_asked_for_as_a_dry_run() -> None:
    async with ApiServer({CODE: TAKEN, RUNTIME: TAKEN, JOB: TAKEN}) as server, connected(server) as api:
        await creating.dry_run(api, made(spec(kind="TrainJob")))
    assert [one.line for one in server.asked] == [RUNTIME, CODE, JOB]
    assert all(one.query["dryRun"] == "All" for one in server.asked)


async def test_a_runtime_that_other_jobs_use_is_no_conflict() -> None:
    async with ApiServer({CODE: TAKEN, RUNTIME: THERE, JOB: TAKEN}) as server, connected(server) as api:
        await creating.dry_run(api, made(spec(kind="TrainJob")))
    assert server.count(JOB) == 1


async def test_what_the_server_refuses_is_refused() -> None:
    invalid = status(422, "Invalid", "spec.numNodes: Invalid value")
    async with ApiServer({CODE: TAKEN, RUNTIME: TAKEN, JOB: invalid}) as server, connected(server) as api:
        with pytest.raises(CreateRefused, match="refuses the TrainJob"):
            await creating.dry_run(api, made(spec(kind="TrainJob")))
