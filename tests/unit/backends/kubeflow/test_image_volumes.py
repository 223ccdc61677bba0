"""A cluster that would drop an image volume is found out before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.backends.kubeflow.image_volumes import keeps_image_volumes, no_image_volumes
from fakes.apiserver import Answer, ApiServer, Asked, answer, connected, status

PODS = "POST /api/v1/namespaces/team/pods"


def keeps(asked: Asked) -> Answer:
    return answer(asked.body)


def drops(asked: Asked) -> Answer:
    """As an API server with the feature gate off: the volume and its mount are gone, and nothing is said."""
    body: dict[str, Any] = asked.body
    container = {**body["spec"]["containers"][0], "volumeMounts": []}
    return answer({**body, "spec": {**body["spec"], "volumes": [{"name": "ciao-code"}], "containers": [container]}})


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (keeps, True),
        (drops, False),
        (status(403, "Forbidden", "pods is forbidden"), None),
        (status(422, "Invalid", "no"), None),
    ],
    ids=["kept", "dropped", "no right", "no such pod"],
)
async def test_a_trial_that_creates_nothing_tells(*, reply: Any, found: bool | None) -> None:
    async with ApiServer({PODS: reply}) as server, connected(server) as api:
        assert await keeps_image_volumes(api, namespace="team") is found
        (request,) = server.asked
    assert request.query["dryRun"] == "All"


def test_the_words_name_the_other_ways() -> None:
    assert str(no_image_volumes("prod")).startswith(
        "the cluster prod has no image volumes: it would run the pods without the code. "
        "Use %s2i=append or %s2i=configmap."
    )
