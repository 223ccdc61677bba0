"""A pod's log and its changes come whole through every cut between us and a real API server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from ciao.k8s.api import Connection, connect
from ciao.k8s.backoff import Pace
from ciao.k8s.base import PODS
from ciao.k8s.changes import Change
from ciao.k8s.logs import Chunk, Cursor, Gap, NotReady, follow
from ciao.k8s.watch import watch
from ciao.settings import Settings
from cluster import control_plane, cut

if TYPE_CHECKING:
    from cluster.cut import Proxy
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

    Images = Callable[[str], str]
    Meanwhile = Callable[["Seen"], Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

COUNT = 20_000
PACE = Pace(sleep=lambda seconds: asyncio.sleep(seconds / 10))

PRINT = f"""
i=0
while [ $i -lt {COUNT} ]; do
  echo "line $i of stdout"
  i=$((i+1))
  if [ $((i%1000)) = 0 ]; then echo "at $i" >&2; sleep 0.5; fi
done
"""
WANTED = {b"line %d of stdout" % i for i in range(COUNT)} | {b"at %d" % i for i in range(1000, COUNT + 1, 1000)}


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    with cut.before_api(cluster.layout) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def far(proxy: Proxy, kubectl: Kubectl, tmp_path: Path) -> AsyncIterator[Connection]:
    """A connection through the proxy."""
    file = proxy.kubeconfig(tmp_path / "kubeconfig", like=kubectl.kubeconfig)
    async with connect(
        Settings(home=tmp_path, kubeconfig=file), namespace=kubectl.namespace, environ=os.environ
    ) as api:
        yield api


class Seen:
    """A pod's log and states, as they come."""

    def __init__(self, api: Connection) -> None:
        self.lines = list[bytes]()
        self.gaps = list[Gap]()
        self.states = list[str]()
        self.cursor = Cursor()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self._api = api

    async def look(self) -> None:
        """Watch the pod."""
        selector = "metadata.name=one"
        told = watch(self._api, PODS, namespace=self._api.namespace, field_selector=selector, pace=PACE)
        async with aclosing(told):
            async for one in told:
                if isinstance(one, Change):
                    self.see(one)

    def see(self, change: Change) -> None:
        for status in change.object.get("status", {}).get("containerStatuses", ()):
            state = next(iter(status["state"]))
            self.states.append(state)
            if state != "waiting":
                self.begun.set()
            if state == "terminated":
                self.ended.set()

    async def read(self, **options: Any) -> None:
        """Follow the log to its end, once there is one."""
        await self.begun.wait()
        try:
            await self._follow(**options)
        except NotReady:
            await asyncio.sleep(0.2)
            await self._follow(**options)

    async def _follow(self, **options: Any) -> None:
        options = {"ended": self.ended, "cursor": self.cursor, "pace": PACE, **options}
        told = follow(self._api, namespace=self._api.namespace, pod="one", container="main", **options)
        async with aclosing(told):
            async for one in told:
                if isinstance(one, Chunk):
                    self.lines += one.data.splitlines()
                    self.cursor = one.cursor
                else:
                    self.gaps.append(one)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(120):
            while len(self.lines) < count and not self.ended.is_set():  # noqa: ASYNC110 - whichever comes first
                await asyncio.sleep(0.02)


async def seen_through(api: Connection, meanwhile: Meanwhile, **options: Any) -> Seen:
    """All that a pod said and was, while something happens to the connection."""
    seen = Seen(api)
    looking = asyncio.create_task(seen.look())
    try:
        async with asyncio.timeout(600), asyncio.TaskGroup() as tasks:
            tasks.create_task(seen.read(**options))
            tasks.create_task(meanwhile(seen))
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    return seen


def assert_whole(seen: Seen) -> None:
    """Every line once, and those of each stream in order."""
    texts = [line[31:] for line in seen.lines]
    assert len(texts) == len(WANTED)
    assert set(texts) == WANTED
    numbers = [int(text.split()[1]) for text in texts if text.startswith(b"line")]
    assert numbers == sorted(numbers)
    assert seen.gaps == []
    assert seen.states[-1] == "terminated"


def pod(image: str) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["sh", "-c", PRINT]}
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec}


async def test_a_log_comes_whole_through_cuts(proxy: Proxy, far: Connection, kubectl: Kubectl, image: Images) -> None:
    kubectl.create(pod(image("tiny")))

    async def cuts(seen: Seen) -> None:
        for count in (500, 4000, 8000, 12_000, 16_000):
            await seen.until(count)
            await asyncio.to_thread(proxy.cut)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(proxy.heal)

    assert_whole(await seen_through(far, cuts))


async def test_a_log_comes_whole_through_connections_that_only_seem_to_live(
    proxy: Proxy, far: Connection, kubectl: Kubectl, image: Images
) -> None:
    kubectl.create(pod(image("tiny")))

    async def stalls(seen: Seen) -> None:
        for count in (2000, 10_000):
            await seen.until(count)
            await asyncio.to_thread(proxy.stall)
            await asyncio.sleep(3)
            await asyncio.to_thread(proxy.heal)

    assert_whole(await seen_through(far, stalls, idle=1.5))


async def test_a_log_comes_whole_through_another_api_server(
    cluster: Cluster, far: Connection, kubectl: Kubectl, image: Images
) -> None:
    kubectl.create(pod(image("tiny")))

    patient = replace(control_plane.apiserver(cluster.layout), seconds=240)  # twice as long as on a busy machine

    async def restarts(seen: Seen) -> None:
        for count in (2000, 9000):
            await seen.until(count)
            await asyncio.to_thread(cluster.kill, "kube-apiserver")
            await asyncio.to_thread(cluster.add, patient, lambda _: None)

    assert_whole(await seen_through(far, restarts))
