"""What a cluster serves is asked once, and again only for what was missing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ciao.k8s.base import Resource
from ciao.k8s.discovery import Discovery
from ciao.k8s.errors import ApiError
from fakes.apiserver import Answer, ApiServer, answer, connected, status

GROUP = "GET /apis/kubeflow.org"
CRD = "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/trainjobs.trainer.kubeflow.org"
OPENAPI = "GET /openapi/v3/apis/trainer.kubeflow.org/v1alpha1"
FORBIDDEN = status(403, "Forbidden", "customresourcedefinitions is forbidden")


def group(name: str, *versions: str, best: str) -> Answer:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return answer({"kind": "APIGroup", "versions": entries, "preferredVersion": {"version": best}})


def kinds(**plurals: str) -> Answer:
    resources = [{"name": plural, "kind": kind, "namespaced": True} for kind, plural in plurals.items()]
    parts = [{"name": f"{plural}/status", "kind": kind, "namespaced": True} for kind, plural in plurals.items()]
    return answer({"kind": "APIResourceList", "resources": [*resources, *parts]})


def trainer(field: str) -> dict[str, Any]:
    """A cluster with Trainer, whose TrainJob has this field."""
    schema: dict[str, Any] = {"properties": {"spec": {"properties": {"trainer": {}, field: {}}}}}
    crd = {"spec": {"versions": [{"name": "v1alpha1", "schema": {"openAPIV3Schema": schema}}]}}
    described = {"x-kubernetes-group-version-kind": [{"kind": "TrainJob"}], **schema}
    return {
        "GET /apis/trainer.kubeflow.org": group("trainer.kubeflow.org", "v1alpha1", best="v1alpha1"),
        "GET /apis/trainer.kubeflow.org/v1alpha1": kinds(TrainJob="trainjobs"),
        CRD: answer(crd),
        OPENAPI: answer({"components": {"schemas": {"io.x": {"properties": {}}, "TrainJob": described}}}),
    }


async def test_each_kind_is_found_in_the_version_that_the_server_likes_best() -> None:
    script = {
        GROUP: group("kubeflow.org", "v2beta1", "v1", best="v1"),
        "GET /apis/kubeflow.org/v1": kinds(PyTorchJob="pytorchjobs", MPIJob="mpijobs"),
        "GET /apis/kubeflow.org/v2beta1": kinds(MPIJob="mpijobs", Other="others"),
    }
    async with ApiServer(script) as server, connected(server) as api:
        found = await Discovery(api).served("kubeflow.org")
    assert {kind: resource.version for kind, resource in found.items()} == {
        "PyTorchJob": "v1",
        "MPIJob": "v1",
        "Other": "v2beta1",
    }
    assert found["MPIJob"] == Resource(kind="MPIJob", plural="mpijobs", group="kubeflow.org", version="v1")


async def test_what_is_known_is_not_asked_again_not_even_at_the_same_time() -> None:
    script = {
        GROUP: group("kubeflow.org", "v1", best="v1"),
        "GET /apis/kubeflow.org/v1": kinds(TFJob="tfjobs"),
        "GET /version": answer({"gitVersion": "v1.34.4"}),
    }
    async with ApiServer(script) as server, connected(server) as api:
        discovery = Discovery(api)
        await asyncio.gather(*(discovery.kind("kubeflow.org", "TFJob") for _ in range(3)))
        assert await discovery.version() == await discovery.version() == "v1.34.4"
    assert len(server.asked) == 3


async def test_what_is_missing_may_be_installed_later() -> None:
    async with ApiServer() as server, connected(server) as api:
        discovery = Discovery(api)
        assert await discovery.served("kubeflow.org") == {}
        server.on(GROUP, group("kubeflow.org", "v1", best="v1"))
        server.on("GET /apis/kubeflow.org/v1", kinds(TFJob="tfjobs"))
        assert await discovery.kind("kubeflow.org", "TFJob")


async def test_an_error_is_not_kept() -> None:
    script = {"GET /version": [FORBIDDEN, answer({"gitVersion": "v1"})]}
    async with ApiServer(script) as server, connected(server) as api:
        discovery = Discovery(api)
        with pytest.raises(ApiError):
            await discovery.version()
        assert await discovery.version() == "v1"


@pytest.mark.parametrize("field", ["runtimePatches", "podTemplateOverrides", "podSpecOverrides"])
@pytest.mark.parametrize("readable", [True, False])
async def test_the_field_that_changes_pods_is_read_from_the_crd_or_from_what_anybody_may_read(
    field: str,
    readable: bool,  # noqa: FBT001 - a column of the table
) -> None:
    script = trainer(field) if readable else {**trainer(field), CRD: FORBIDDEN}
    async with ApiServer(script) as server, connected(server) as api:
        assert await Discovery(api).override() == field
    assert server.count(OPENAPI) == (0 if readable else 1)


async def test_without_trainjobs_or_such_a_field_there_is_none() -> None:
    async with ApiServer() as server, connected(server) as api:
        assert await Discovery(api).override() is None
    async with ApiServer(trainer("somethingNew")) as server, connected(server) as api:
        assert await Discovery(api).override() is None
