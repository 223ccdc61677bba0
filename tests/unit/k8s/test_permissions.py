"""Rights are asked for all at once, and each has its own answer."""

from __future__ import annotations

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import permissions
from ciao.k8s.permissions import Verdict
from ciao.k8s.rights import Right, grant
from fakes.apiserver import Answer, ApiServer, Asked, answer, connected, status, text

REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CREATE = Right(verb="create", group="kubeflow.org", resource="pytorchjobs")
LOGS = Right(verb="get", resource="pods", subresource="log")


def only_logs(asked: Asked) -> Answer:
    about = asked.body["spec"]["resourceAttributes"]
    return answer({"status": {"allowed": about["subresource"] == "log", "reason": "because"}}, code=201)


async def test_each_right_has_its_verdict() -> None:
    async with ApiServer({REVIEW: only_logs}) as server, connected(server) as api:
        found = await permissions.review(api, [CREATE, LOGS, CREATE], namespace="n")
    assert list(found.items()) == [
        (CREATE, Verdict(allowed=False, reason="because")),
        (LOGS, Verdict(allowed=True, reason="because")),
    ]
    asked = [one.body["spec"]["resourceAttributes"] for one in server.asked]
    assert len(asked) == 2
    assert {
        "verb": "create",
        "group": "kubeflow.org",
        "resource": "pytorchjobs",
        "subresource": "",
        "namespace": "n",
    } in asked


async def test_a_cluster_that_does_not_answer_is_one_error() -> None:
    async with connected("http://127.0.0.1:1") as api:
        with pytest.raises(BackendUnavailable):
            await permissions.review(api, [CREATE, LOGS], namespace="n")


async def test_the_cluster_says_who_we_are_if_it_can() -> None:
    told = answer({"status": {"userInfo": {"username": "ann"}}})
    script = {f"POST {permissions.WHO}": [told, text("404 page not found", code=404), status(500, "x", "y")]}
    async with ApiServer(script) as server, connected(server) as api:
        assert await permissions.user(api) == "ann"
        assert not await permissions.user(api)


def test_a_right_on_a_part_of_a_group_is_granted_by_its_full_name() -> None:
    right = Right(verb="update", group="apps", resource="deployments", subresource="scale")
    assert right.name == "deployments.apps/scale"
    assert "--resource=deployments.apps/scale" in grant(right, user="ann", namespace="n")
