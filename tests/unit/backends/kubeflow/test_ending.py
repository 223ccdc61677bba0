"""What is removed with a job is what was made for it."""

from __future__ import annotations

import pytest

from ciao.backends.kubeflow.ending import remove_job
from ciao.backends.kubeflow.finding import Found
from ciao.model import Bundle
from fakes.apiserver import ApiServer, answer, connected
from fakes.asked import job, made, mounted, pinned, spec

JOB = "DELETE /apis/kubeflow.org/v1/namespaces/team/pytorchjobs/pytorch-x2v9q"
CODE = "DELETE /api/v1/namespaces/team/configmaps"


@pytest.mark.parametrize(
    ("bundle", "removed"),
    [(None, [CODE, JOB]), (pinned("torch:1"), [JOB]), (mounted(), [JOB])],
    ids=["configmap", "image", "volume"],
)
async def test_config_maps_are_asked_about_only_if_one_brought_the_code(
    bundle: Bundle | None, removed: list[str]
) -> None:
    objects = made(spec(), bundle=bundle)
    found = Found(kind=objects.kind, manifest=objects.job, job=job(spec()), spec=spec())
    async with ApiServer({JOB: answer({}), CODE: answer({})}) as server, connected(server) as api:
        await remove_job(api, found)
    assert [one.line for one in server.asked] == removed
