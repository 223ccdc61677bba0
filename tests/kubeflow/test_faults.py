"""What breaks between us and a cluster, or in it, while a job writes: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow import following
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.k8s import watch
from ciao.model import Phase
from ciao.settings import Settings
from cluster import control_plane, cut
from fakes.followed import Follow, followed
from fakes.told import Create, Ran, Spec

if TYPE_CHECKING:
    from cluster.cut import Proxy
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

COUNT = 1200
CHATTY = f"""
import time
for i in range({COUNT}):
    print(i)
    time.sleep(0.005)
"""


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    with cut.before_api(cluster.layout) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: Settings, proxy: Proxy, kubectl: Kubectl, image: Images, tmp_path: Path) -> Settings:
    """The cluster is reached through the proxy."""
    file = proxy.kubeconfig(tmp_path / "kubeconfig", like=kubectl.kubeconfig)
    return replace(settings, kubeconfig=file, images={"pytorch": image("python")})


@pytest.fixture
async def follow(backend: Kubeflow) -> AsyncIterator[Follow]:
    async with followed(backend) as follow:
        yield follow


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is silent counts as dead after seconds, not minutes."""
    monkeypatch.setattr(following, "IDLE", 1.5)
    monkeypatch.setattr(watch, "SHORTEST", 1)
    monkeypatch.setattr(watch, "LONGEST", 2)
    monkeypatch.setattr(watch, "MARGIN", 1.0)


def assert_whole(ran: Ran) -> None:
    assert ran.outcome.phase is Phase.SUCCEEDED
    for replica in ("worker-0", "worker-1"):
        assert ran.lines(replica) == [str(i) for i in range(COUNT)]


async def test_connections_that_are_cut_and_slow_lose_nothing(
    proxy: Proxy, job: Create, spec: Spec, follow: Follow
) -> None:
    seen, cuts = follow(await job(spec(CHATTY))), list[float]()
    for count in (100, 500, 800):
        await seen.until(lambda count=count: len(seen.ran.lines("worker-0")) > count)  # type: ignore[misc]  # bound now
        began = time.monotonic()
        await asyncio.to_thread(proxy.cut)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(proxy.heal)
        cuts.append(time.monotonic() - began)
        proxy.slow(200_000)
    await asyncio.to_thread(proxy.heal)
    assert_whole(await seen.end())
    # Nobody is told of a second or two, however often; a full machine may make it more.
    assert seen.notices == [] or max(cuts) > watch.PATIENCE / 2, cuts


@pytest.mark.usefixtures("soon")
async def test_connections_that_only_seem_to_live_lose_nothing(
    proxy: Proxy, job: Create, spec: Spec, follow: Follow
) -> None:
    seen = follow(await job(spec(CHATTY)))
    await seen.until(lambda: len(seen.ran.lines("worker-1")) > 200)
    await asyncio.to_thread(proxy.stall)
    await asyncio.sleep(4)
    await asyncio.to_thread(proxy.heal)
    assert_whole(await seen.end())


async def test_an_api_server_that_is_killed_and_comes_back_loses_nothing(
    cluster: Cluster, job: Create, spec: Spec, follow: Follow
) -> None:
    seen = follow(await job(spec(CHATTY)))
    await seen.until(lambda: len(seen.ran.lines("worker-1")) > 200)
    await asyncio.to_thread(cluster.kill, "kube-apiserver")
    patient = replace(control_plane.apiserver(cluster.layout), seconds=240)
    await asyncio.to_thread(cluster.add, patient, lambda _: None)
    assert_whole(await seen.end())


async def test_a_cluster_that_is_away_is_told_and_a_cancel_waits_for_it(
    proxy: Proxy, job: Create, spec: Spec, follow: Follow, backend: Kubeflow, kubectl: Kubectl
) -> None:
    seen = follow(name := await job(spec("print('up', flush=True)\nimport time; time.sleep(600)")))
    await seen.until(lambda: "up" in seen.ran.lines("worker-1"))
    await asyncio.to_thread(proxy.cut)
    await seen.until(lambda: seen.notices)
    away = seen.notices[0]
    told = re.fullmatch(r"the cluster has not been heard for (\d+) s: (.*); it is tried again", away)
    assert told, away
    assert int(told[1]) >= watch.PATIENCE
    assert told[2].endswith("refuses connections: nothing listens there")
    cancelling = asyncio.create_task(backend.cancel(name))
    await asyncio.sleep(4)
    assert not cancelling.done()
    await asyncio.to_thread(proxy.heal)
    outcome = await cancelling
    assert outcome.phase is (await seen.end()).outcome.phase is Phase.CANCELLED
    assert kubectl.names("pods") == [] or outcome.message == "its last pod is still being ended by its node"
