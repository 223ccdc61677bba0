"""What a user may not do is named with the line that grants it; with the rights of our list, and no more, all works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.backends.kubeflow.rights import role
from ciao.errors import BackendError
from ciao.model import CleanPolicy, JobSpec, Notice, Phase
from ciao.s2i.append import Append
from ciao.s2i.base import S2IClient
from ciao.s2i.configmap import ConfigMap
from ciao.s2i.registry.client import Client
from ciao.settings import Settings
from cluster import readiness
from fakes.told import Ran, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.registries import Registry
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

Without = Callable[..., Settings]
LAST = ("list", "pods")
"""What is asked until the cluster has taken the role in."""


@pytest.fixture
def without(settings: Settings, kubectl: Kubectl, tmp_path: Path, image: Images) -> Without:
    """The settings of a service account that has all rights of our list but one verb, or every (*), on one resource."""

    def without(resource: str = "", verb: str = "") -> Settings:
        kubectl("create", "serviceaccount", "alice")
        kubectl.create(_less(role(namespace=kubectl.namespace), resource, verb))
        kubectl("create", "rolebinding", "alice", "--role=ciao", f"--serviceaccount={kubectl.namespace}:alice")
        user = f"--as=system:serviceaccount:{kubectl.namespace}:alice"
        asked = ("auth", "can-i", *LAST, user)
        readiness.until(lambda: not kubectl.run(*asked).returncode, what="The role holds")
        file = _kubeconfig(tmp_path / "alice", kubectl)
        return replace(settings, kubeconfig=file, images={"pytorch": image("python")})

    return without


def _less(whole: dict[str, Any], resource: str, verb: str) -> dict[str, Any]:
    rules = []
    for rule in whole["rules"]:
        others = [one for one in rule["resources"] if one != resource]
        rules += [{**rule, "resources": others}] if others else []
        verbs = [one for one in rule["verbs"] if verb not in (one, "*")]
        rules += [{**rule, "resources": [resource], "verbs": verbs}] if others != rule["resources"] and verbs else []
    return {**whole, "rules": rules}


def _kubeconfig(path: Path, kubectl: Kubectl) -> Path:
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    token = kubectl("create", "token", "alice").strip()
    config["users"] = [{**config["users"][0], "user": {"token": token}}]
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


@asynccontextmanager
async def as_alice(settings: Settings) -> AsyncIterator[Kubeflow]:
    backend = Kubeflow(settings)
    try:
        yield backend
    finally:
        await backend.close()
        await asyncio.sleep(0.05)  # what was refused closes its sockets


async def ran(spec: JobSpec, backend: Kubeflow, s2i: S2IClient | None = None) -> Ran:
    async with aclosing(pipeline.run(spec, s2i=s2i or ConfigMap(), backend=backend)) as events:
        return Ran([event async for event in events])


def granted(verb: str, resource: str, namespace: str) -> str:
    name = f"ciao-{verb}-{resource.replace('/', '-')}"
    return (
        f"Who may grant it does so with: kubectl create role {name} --verb={verb} --resource={resource} -n {namespace}"
        f" && kubectl create rolebinding {name}-system-serviceaccount-{namespace}-alice --role={name}"
        f" --serviceaccount={namespace}:alice -n {namespace}"
    )


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
async def test_the_rights_of_our_list_are_enough(kind: str, without: Without, spec: Spec) -> None:
    async with as_alice(without()) as backend:
        told = await ran(spec("print('done')", kind=kind, clean_policy=CleanPolicy.ALL), backend)
        assert (told.outcome.phase, told.lines("worker-1")) == (Phase.SUCCEEDED, ["done"])
        assert [e.text for e in told.events if isinstance(e, Notice)] == []
        (summary,) = await backend.jobs()
        await backend.delete(summary.job.name)


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
async def test_where_images_bring_the_code_no_right_on_config_maps_is_needed(
    kind: str, without: Without, spec: Spec, registry: Registry
) -> None:
    address = registry.address
    settings = replace(without("configmaps", "*"), s2i_registry=f"{address}/{kind.lower()}", s2i_insecure=(address,))
    client = Client(settings)
    async with as_alice(settings) as backend:
        told = await ran(spec("print('done')", kind=kind), backend, Append(settings, client))
        assert (told.outcome.phase, told.lines("worker-1")) == (Phase.SUCCEEDED, ["done"])
        (summary,) = await backend.jobs()
        await backend.delete(summary.job.name)
    await client.close()


@pytest.mark.parametrize("resource", ["pytorchjobs", "configmaps"])
async def test_who_may_not_create_is_told_what_and_how_it_is_granted(
    resource: str, without: Without, spec: Spec, kubectl: Kubectl
) -> None:
    async with as_alice(without(resource, "create")) as backend:
        with pytest.raises(BackendError) as refused:
            await ran(spec("pass", kind="PyTorchJob"), backend)
    named = "pytorchjobs.kubeflow.org" if resource == "pytorchjobs" else resource
    user = f"system:serviceaccount:{kubectl.namespace}:alice"
    assert refused.value.message == f"{user} may not create {named} in the namespace {kubectl.namespace}"
    assert refused.value.hint == granted("create", named, kubectl.namespace)
    assert kubectl("get", "configmaps,pytorchjobs", "--selector=ciao/job", "-o=name") == ""


async def test_who_may_not_read_logs_is_told_so_beside_the_outcome(
    without: Without, spec: Spec, kubectl: Kubectl
) -> None:
    async with as_alice(without("pods/log", "get")) as backend:
        told = await ran(spec("raise ValueError('no')", workers=1), backend)
    assert (told.failure.ename, told.failure.evalue) == ("ValueError", "no")
    (notice,) = [e.text for e in told.events if isinstance(e, Notice)]
    user, space = f"system:serviceaccount:{kubectl.namespace}:alice", kubectl.namespace
    assert notice == (
        f"the log of worker-0 cannot be read: {user} may not get pods/log in the namespace {space}. "
        + granted("get", "pods/log", space)
    )


async def test_who_may_not_see_events_is_told_that_reasons_are_missing(
    without: Without, spec: Spec, kubectl: Kubectl
) -> None:
    async with as_alice(without("events", "list")) as backend:
        told = await ran(spec("print('done')", workers=1), backend)
    assert (told.outcome.phase, told.lines("worker-0")) == (Phase.SUCCEEDED, ["done"])
    (notice,) = [e.text for e in told.events if isinstance(e, Notice)]
    user, space = f"system:serviceaccount:{kubectl.namespace}:alice", kubectl.namespace
    assert notice == (
        f"why a replica waits is not known: {user} may not list events in the namespace {space}. "
        + granted("list", "events", space)
    )


async def test_who_may_not_see_pods_cannot_follow_a_job(without: Without, spec: Spec) -> None:
    async with as_alice(without("pods", "watch")) as backend:
        with pytest.raises(
            BackendError, match=r"goes on, but cannot be followed: .* may not watch pods .*%ciao cancel"
        ):
            await ran(spec("pass", workers=1), backend)
