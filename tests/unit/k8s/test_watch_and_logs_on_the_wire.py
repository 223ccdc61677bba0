"""Watches and logs over real connections, which break and hang as real ones do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from ciao.k8s import watch as watching
from ciao.k8s.backoff import Pace
from ciao.k8s.base import PODS
from ciao.k8s.changes import Change
from ciao.k8s.logs import Chunk, follow
from ciao.k8s.watch import watch
from fakes.apiserver import CUT, STALL, Answer, ApiServer, answer, connected, event, status, stream

LIST = "GET /api/v1/namespaces/ns/pods"
LOG = "GET /api/v1/namespaces/ns/pods/pod/log"
PACE = Pace(sleep=lambda _: asyncio.sleep(0.01))


def pod(name: str, version: int) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def line(second: int) -> bytes:
    return b"2026-01-01T12:00:%02d.000000000Z line\n" % second


async def changes(server: ApiServer, count: int) -> list[str]:
    """The names of so many objects as they change."""
    async with connected(server) as api, aclosing(watch(api, PODS, namespace="ns", pace=PACE)) as told:
        found = list[str]()
        async with asyncio.timeout(30):
            async for one in told:
                found += [one.object["metadata"]["name"]] if isinstance(one, Change) else []
                if len(found) == count:
                    return found
    return found


def answers(*streams: Answer) -> list[Answer]:
    return [answer({"items": [pod("one", 1)], "metadata": {"resourceVersion": "5"}}), *streams]


async def test_a_watch_goes_on_after_a_cut_a_clean_end_and_a_refusal() -> None:
    two, three, four = (event("ADDED", pod(name, i)) for i, name in enumerate(("two", "three", "four"), 6))
    script = answers(
        stream(two, three[:9], CUT), stream(three), status(429, "TooManyRequests", "no"), stream(four, STALL)
    )
    async with ApiServer({LIST: script}) as server:
        assert await changes(server, 4) == ["one", "two", "three", "four"]
        assert [asked.query.get("resourceVersion") for asked in server.asked] == [None, "5", "6", "7", "7"]


async def test_a_watch_notices_a_connection_that_only_seems_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SHORTEST", 0)
    monkeypatch.setattr(watching, "LONGEST", 0)
    monkeypatch.setattr(watching, "MARGIN", 0.2)
    script = answers(stream(STALL), stream(event("ADDED", pod("two", 6)), STALL))
    async with ApiServer({LIST: script}) as server:
        assert await changes(server, 2) == ["one", "two"]
        assert server.count(LIST) >= 3  # more, if this process is held up for longer than a connection may be silent


async def test_a_log_goes_on_after_a_cut_a_hang_and_a_refusal() -> None:
    ended = asyncio.Event()
    broken = (stream(line(1), line(2)[:9], CUT), status(401, "Unauthorized", "no"), stream(line(1), line(2), STALL))
    async with ApiServer({LOG: [*broken, stream(line(2), line(3))]}) as server, connected(server) as api:
        data = b""
        told = follow(api, namespace="ns", pod="pod", container="main", ended=ended, idle=0.2, pace=PACE)
        async with asyncio.timeout(30), aclosing(told):
            async for one in told:
                assert isinstance(one, Chunk)
                data += one.data
                if data.endswith(line(3)):
                    ended.set()
    assert data == line(1) + line(2) + line(3)
