"""A base image asked in a pod what it has: the same as its layers tell, and nothing of the pod is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.errors import BundleError
from ciao.k8s.api import Connection, connect
from ciao.model import Notice, Packing
from ciao.s2i.bases import resolve
from ciao.s2i.packages.pod import ask
from ciao.s2i.packages.probe import probe
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse
from ciao.settings import Settings

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def name(image: Images) -> str:
    return image("xgboost")


@pytest.fixture
def settings(tmp_path: Path, kubeconfig: Path, kubectl: Kubectl, name: str) -> Settings:
    return Settings(home=tmp_path, kubeconfig=kubeconfig, namespace=kubectl.namespace, s2i_insecure=(parse(name).host,))


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Connection]:
    async with connect(settings) as made:
        yield made


@pytest.fixture
async def registry(settings: Settings) -> AsyncIterator[Client]:
    made = Client(settings, environ={})
    yield made
    await made.close()


async def test_a_pod_tells_the_same_as_the_layers(
    name: str, settings: Settings, api: Connection, registry: Client, kubectl: Kubectl
) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    told: list[Packing | Notice] = []
    (base,) = await resolve(registry, name)
    seen = await probe(base, registry, told.append)
    asked = await ask(base, api, namespace=kubectl.namespace, settings=settings, tell=told.append)
    assert (asked.minor, asked.libc, asked.platform) == (seen.minor, seen.libc, seen.platform)
    assert asked.distributions == seen.distributions
    assert kubectl("get", "pods", "-o=name") == ""


async def test_an_image_that_no_node_can_pull_is_told(
    name: str, settings: Settings, api: Connection, registry: Client, kubectl: Kubectl
) -> None:
    (base,) = await resolve(registry, name)
    gone = replace(base, reference=replace(base.reference, digest=f"sha256:{'0' * 64}"))
    with pytest.raises(BundleError, match=r"cannot be started in a pod: (ErrImagePull|ImagePullBackOff)"):
        await ask(gone, api, namespace=kubectl.namespace, settings=settings, tell=lambda _: None)
    assert kubectl("get", "pods", "-o=name") == ""


async def test_a_namespace_that_takes_no_pod_is_told(
    name: str, settings: Settings, api: Connection, registry: Client, kubectl: Kubectl
) -> None:
    kubectl("create", "quota", "none", "--hard=pods=0")
    kubectl.until("quota/none", "{.status.hard.pods}", "0")  # before, what it has is not known
    (base,) = await resolve(registry, name)
    with pytest.raises(BundleError, match="cannot be asked in a pod what it has: the quota none is used up"):
        await ask(base, api, namespace=kubectl.namespace, settings=settings, tell=lambda _: None)
