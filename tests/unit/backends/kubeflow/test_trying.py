"""A trial asks for what a run would: by the way that the code would come, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.backends.kubeflow.cluster import Cluster
from ciao.backends.kubeflow.trying import try_job, try_pod
from ciao.settings import Settings
from fakes.apiserver import ApiServer, Asked, answer, connected
from fakes.asked import spec

GROUP = {"preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]}
JOBS = {"resources": [{"kind": "PyTorchJob", "name": "pytorchjobs", "namespaced": True}]}
WAYS = [("configmap", ["configmaps", "pytorchjobs"]), ("append", ["pytorchjobs"]), ("imagevolume", ["pytorchjobs"])]


async def posted(strategy: str, tmp_path: Any) -> list[Asked]:
    team = "POST {}/namespaces/team/{}"
    kinds = {"configmaps": "/api/v1", "pods": "/api/v1", "pytorchjobs": "/apis/kubeflow.org/v1"}
    takes = {team.format(group, kind): answer({}) for kind, group in kinds.items()}
    found = {"GET /apis/kubeflow.org": answer(GROUP), "GET /apis/kubeflow.org/v1": answer(JOBS)}
    settings = Settings(home=tmp_path, images={"pytorch": "torch:1"})
    async with ApiServer(takes | found) as server, connected(server) as api:
        cluster = Cluster(settings, api=api, namespace="team")
        await try_job(cluster, spec(), strategy=strategy)
        await try_pod(cluster, spec(), strategy=strategy)
    return [one for one in server.asked if one.method == "POST"]


@pytest.mark.parametrize(("strategy", "kinds"), WAYS, ids=[name for name, _ in WAYS])
async def test_the_objects_are_those_of_the_strategy(strategy: str, kinds: list[str], tmp_path: Any) -> None:
    asked = await posted(strategy, tmp_path)
    assert [one.path.rpartition("/")[2] for one in asked] == [*kinds, "pods"]
    assert {one.query["dryRun"] for one in asked} == {"All"}
    volumes = {v["name"] for v in asked[-1].body["spec"]["volumes"]}
    assert ("ciao-code" in volumes) == (strategy != "append")
