"""The scripted API server does what scripts say, or tests of watches and logs would mean nothing."""

from __future__ import annotations

import aiohttp
import pytest

from fakes.apiserver import CUT, STALL, Answer, ApiServer, Feed, answer, event, status, stream

PODS = "GET /api/v1/pods"


async def test_answers_come_in_order_and_the_last_one_stays() -> None:
    script = {PODS: [answer({"n": 1}), status(410, "Expired", "too old")]}
    async with ApiServer(script) as server, aiohttp.ClientSession(server.url) as session:
        codes = []
        for _ in range(3):
            async with session.get("/api/v1/pods") as response:
                codes.append(response.status)
    assert codes == [200, 410, 410]
    assert server.count(PODS) == 3


async def test_a_stream_ends_cleanly_or_is_cut() -> None:
    line = event("ADDED", {"kind": "Pod"})
    script = {PODS: [stream(line, line), stream(line, CUT)]}
    async with ApiServer(script) as server, aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v1/pods") as response:
            assert await response.read() == line * 2
        async with session.get("/api/v1/pods") as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_a_stalled_stream_says_nothing_more() -> None:
    async with ApiServer({PODS: stream(b"one\n", STALL)}) as server, aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v1/pods") as response:
            assert await response.content.readany() == b"one\n"
            assert server.open == 1
            await server.stop()
        assert server.open == 0


async def test_a_feed_is_written_while_it_is_read_and_a_server_comes_back() -> None:
    feed = Feed(b"one\n")
    async with ApiServer({PODS: Answer(stream=feed)}) as server, aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v1/pods") as response:
            assert await response.content.readany() == b"one\n"
            feed.send(b"two\n")
            assert await response.content.readany() == b"two\n"
            await server.stop()
            with pytest.raises(aiohttp.ClientError):
                await response.content.readany()
        await server.start()
        server.on(PODS, answer({}))
        async with session.get("/api/v1/pods") as response:
            assert response.status == 200
