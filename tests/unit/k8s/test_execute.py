"""A command in a container, over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from ciao.errors import BackendUnavailable
from ciao.k8s.errors import ApiError
from ciao.k8s.execute import Ran, execute
from fakes.apiserver import connected

OK = b"\x03" + json.dumps({"status": "Success"}).encode()


def failed(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}, "message": "exit"}
    return b"\x03" + json.dumps(status).encode()


@dataclass
class Kubelet:
    """Answers every command with these messages.

    ``silent``: then nothing more comes; ``hasty``: it ends without a farewell; with a ``code`` it refuses.
    """

    messages: Sequence[bytes] = ()
    silent: bool = False
    hasty: bool = False
    code: int = 0
    speaks: str = "v5.channel.k8s.io"
    asked: list[web.Request] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.code:
            return web.Response(status=self.code)
        socket = web.WebSocketResponse(protocols=(self.speaks,))
        await socket.prepare(request)
        for message in self.messages:
            await socket.send_bytes(message)
        if self.silent:
            await socket.receive()
        if self.hasty:
            assert socket._writer is not None
            assert request.transport is not None
            await socket._writer.close()
            request.transport.close()
            return socket
        await socket.close()
        return socket


@asynccontextmanager
async def listening(kubelet: Kubelet) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", kubelet.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ran(kubelet: Kubelet, *, most: int = 1000, within: float = 20.0) -> Ran:
    async with listening(kubelet) as url, connected(url) as api:
        return await execute(
            api, namespace="team", pod="p-0", container="c", command=("echo", "a b"), most=most, within=within
        )


@pytest.mark.parametrize("speaks", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_what_it_writes_is_put_together_to_its_end(speaks: str) -> None:
    kubelet = Kubelet([b"\x01", b"\x01one ", b"\x02err", b"\x01two", OK], speaks=speaks)
    assert await ran(kubelet) == Ran(out=b"one two", code=0)
    (asked,) = kubelet.asked
    assert asked.path == "/api/v1/namespaces/team/pods/p-0/exec"
    assert asked.query.getall("command") == ["echo", "a b"]
    assert (asked.query["container"], asked.query["stdout"], "stdin" in asked.query) == ("c", "1", False)


async def test_a_server_that_waits_for_no_farewell_has_told_all_the_same() -> None:
    async with listening(Kubelet([b"\x01out", OK], hasty=True)) as url, connected(url) as api:
        told = []
        async for message in api.messages("/x", params=[], protocols=["v4.channel.k8s.io"]):
            told.append(message)
            await asyncio.sleep(0.02)  # it is gone meanwhile
    assert told == [b"\x01out", OK]


async def test_a_command_that_fails_has_its_code_and_its_words() -> None:
    assert await ran(Kubelet([b"\x02no such", b"\x02 file\n", failed(2)])) == Ran(out=b"", code=2, words="no such file")


@pytest.mark.parametrize("end", [b"", b"\x03", b"\x03[]", b"\x03{", b'\x03{"status":"Failure","message":"no python3"}'])
async def test_an_end_that_is_not_told_is_none(end: bytes) -> None:
    found = await ran(Kubelet([b"\x01out", end]))
    assert (found.out, found.code) == (b"out", None)


async def test_more_than_is_wanted_is_left() -> None:
    found = await ran(Kubelet([b"\x01" + b"x" * 900] * 50, silent=True), most=2000)
    assert (len(found.out), found.cut, found.code) == (2000, True, None)


async def test_a_command_that_takes_too_long_is_left() -> None:
    with pytest.raises(BackendUnavailable, match=r"took longer than 0\.05 s"):
        await ran(Kubelet([b"\x01out"], silent=True), within=0.05)


@pytest.mark.parametrize("code", [403, 404, 500])
async def test_a_refusal_says_which_it_was(code: int) -> None:
    with pytest.raises(ApiError) as refused:
        await ran(Kubelet(code=code))
    assert refused.value.code == code


async def test_who_is_not_known_logs_in_anew_once() -> None:
    kubelet = Kubelet(code=401)
    with pytest.raises(ApiError):
        await ran(kubelet)
    assert len(kubelet.asked) <= 2


async def test_a_server_that_is_away_is_told_as_such() -> None:
    async with connected("http://127.0.0.1:9") as api:
        with pytest.raises(BackendUnavailable):
            await asyncio.wait_for(
                execute(api, namespace="n", pod="p", container="c", command=("x",), most=10, within=10), 20
            )
