"""What packing is told of the cluster, and what the cluster is asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ciao.backends.kubeflow import offline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.backends.kubeflow.finding import InUse
from ciao.errors import CreateRefused
from ciao.k8s.errors import ApiError
from ciao.model import Notice, Role
from ciao.settings import Settings
from fakes.apiserver import ApiServer, answer, connected, status
from fakes.asked import job, mounted, pinned, spec

NODES = "GET /api/v1/nodes"
PODS = "POST /api/v1/namespaces/team/pods"
READY = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"architecture": "arm64"}}
NOTHING: Mapping[str, Any] = MappingProxyType({})
KINDS = {"PyTorchJob": "pytorchjobs", "MPIJob": "mpijobs"}
NO_JOBS = {f"GET /apis/kubeflow.org/v1/{name}": answer({"items": []}) for name in KINDS.values()}
SETTINGS = Settings(
    home=Path("/nowhere"),
    namespace="team",
    images=MappingProxyType({"pytorch": "torch:1", "mpi": "mpi:1"}),
    s2i_registry="registry.example/team",
)


@asynccontextmanager
async def cluster(
    settings: Settings = SETTINGS, *, more: Mapping[str, Any] = NOTHING
) -> AsyncIterator[tuple[Kubeflow, ApiServer]]:
    resources = [{"kind": kind, "name": name, "namespaced": True} for kind, name in KINDS.items()]
    group = {"preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]}
    script = {
        "GET /apis/kubeflow.org": answer(group),
        "GET /apis/kubeflow.org/v1": answer({"resources": resources}),
        NODES: answer({"items": [{"status": READY}], "metadata": {}}),
        PODS: lambda asked: answer(asked.body),
        **NO_JOBS,
        **more,
    }
    async with ApiServer(script) as server, connected(server) as api:
        yield Kubeflow(settings, api=api), server


async def test_base_images_are_by_role_and_an_mpi_launcher_is_one_though_the_cell_does_not_say_so() -> None:
    async with cluster() as (backend, _):
        target = await backend.target(spec("mpi", worker=2))
    assert target.images == {Role.LAUNCHER: "mpi:1", Role.WORKER: "mpi:1"}
    assert (target.bases, target.namespace) == (("mpi:1",), "team")


async def test_a_role_may_have_an_image_of_its_own() -> None:
    asked = spec("pytorch", master=1, worker=1)
    roles = (replace(asked.roles[0], image="mine:1"), asked.roles[1])
    async with cluster() as (backend, _):
        assert (await backend.target(replace(asked, roles=roles))).bases == ("mine:1", "torch:1")


async def test_nodes_are_asked_about_once() -> None:
    async with cluster() as (backend, server):
        for _ in range(2):
            assert (await backend.target(spec())).platforms == ("linux/arm64",)
        assert server.count(NODES) == 1


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (replace(SETTINGS, s2i_registry=None), {}),
        (replace(SETTINGS, s2i_platforms=("linux/amd64",)), {}),
        (SETTINGS, {"s2i": "configmap"}),
        (SETTINGS, {"patch": {"spec": {"nodeSelector": {"kubernetes.io/arch": "s390x"}}}}),
    ],
    ids=["no registry", "settings name the platforms", "no image", "the cell names its nodes"],
)
async def test_and_not_at_all_where_that_decides_nothing(settings: Settings, asked: dict[str, Any]) -> None:
    async with cluster(settings) as (backend, server):
        target = await backend.target(spec(**asked))
        assert server.count(NODES) == 0
    assert target.platforms == (("linux/s390x",) if "patch" in asked else ())


async def test_who_may_not_list_nodes_goes_on_without() -> None:
    async with cluster(more={NODES: status(403, "Forbidden", "no")}) as (backend, server):
        for _ in range(2):
            assert (await backend.target(spec())).platforms == ()
        assert server.count(NODES) == 1


async def test_a_framework_without_an_image_is_refused_before_anything_is_packed() -> None:
    async with cluster(replace(SETTINGS, images={})) as (backend, _):
        with pytest.raises(CreateRefused, match="there is no image for pytorch"):
            await backend.check(spec())


def drops(asked: Any) -> Any:
    return answer({**asked.body, "spec": {**asked.body["spec"], "volumes": [{"name": "ciao-code"}]}})


async def test_a_cluster_that_drops_image_volumes_is_found_out_before_anything_is_packed() -> None:
    async with cluster(more={PODS: drops}) as (backend, _):
        for asked in (spec(s2i="imagevolume"), spec(s2i="imagevolume", kind="PyTorchJob")):
            with pytest.raises(CreateRefused, match="has no image volumes"):
                await backend.check(asked)


async def test_and_also_where_nobody_named_them() -> None:
    async with cluster(more={PODS: drops}) as (backend, server):
        with pytest.raises(CreateRefused, match="has no image volumes"):
            await backend.create(spec(), job(spec()), mounted())
        assert [r.line for r in server.asked if r.method == "POST"] == [PODS]


async def test_one_that_has_them_is_asked_once() -> None:
    async with cluster() as (backend, server):
        for _ in range(2):
            assert await backend.check(spec(s2i="imagevolume")) == ()
        assert server.count(PODS) == 1


async def test_where_that_cannot_be_tried_it_is_said() -> None:
    async with cluster(more={PODS: status(403, "Forbidden", "no")}) as (backend, _):
        (notice,) = await backend.check(spec(s2i="imagevolume"))
    assert isinstance(notice, Notice)
    assert notice.text.startswith("whether the cluster has image volumes is not known")


async def test_the_connection_is_lent_to_what_builds_in_the_cluster() -> None:
    async with cluster() as (backend, _):
        assert (await backend.api("other").request("GET", "/apis/kubeflow.org"))["preferredVersion"]


def test_without_a_cluster_the_target_is_what_cell_and_settings_say() -> None:
    target = offline.target(spec("mpi", worker=1), SETTINGS)
    assert (target.images[Role.LAUNCHER], target.namespace, target.platforms) == ("mpi:1", "team", ())
    planned = offline.planned(spec(), job(spec()), SETTINGS, bundle=pinned("torch:1"))
    assert pinned("torch:1").images["torch:1"] in planned
    assert "ConfigMap" not in planned


def live(name: str, *images: str, **status: str) -> dict[str, Any]:
    conditions = [{"type": kind, "status": value} for kind, value in status.items()]
    metadata = {"name": name, "annotations": {"ciao/images": " ".join(images)} if images else {}}
    return {"metadata": metadata, "status": {"conditions": conditions}}


async def test_images_of_jobs_that_have_not_ended_are_in_use() -> None:
    jobs = [
        live("a", "x@1", "y@2", Running="True"),
        live("b", "y@2", Succeeded="False"),
        live("c", "z@3", Failed="True"),
    ]
    lists = {"GET /apis/kubeflow.org/v1/pytorchjobs": answer({"items": [*jobs, live("d")]})}
    async with cluster(more=lists) as (backend, _):
        assert await backend.images() == InUse(jobs={"x@1": ["a"], "y@2": ["a", "b"]}, everywhere=True)


async def test_who_may_not_look_into_all_namespaces_sees_those_of_one() -> None:
    lists = {
        "GET /apis/kubeflow.org/v1/pytorchjobs": status(403, "Forbidden", "no"),
        "GET /apis/kubeflow.org/v1/namespaces/team/mpijobs": answer({"items": []}),
        "GET /apis/kubeflow.org/v1/namespaces/team/pytorchjobs": answer({"items": [live("a", "x@1")]}),
    }
    async with cluster(more=lists) as (backend, _):
        assert await backend.images() == InUse(jobs={"x@1": ["a"]}, everywhere=False)
    lists["GET /apis/kubeflow.org/v1/namespaces/team/pytorchjobs"] = status(403, "Forbidden", "no")
    async with cluster(more=lists) as (backend, _):
        with pytest.raises(ApiError):  # nothing may be removed on the strength of what cannot be seen
            await backend.images()
