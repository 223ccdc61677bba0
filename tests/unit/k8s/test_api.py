"""A connection to an API server: what it sends, what it tries again, and how it tells that there is none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import api
from ciao.k8s.access import Token
from ciao.k8s.api import Connection, Patience
from ciao.k8s.errors import ApiError
from fakes.apiserver import CUT, STALL, Answer, ApiServer, Feed, answer, connected, status, stream, text

PODS = "GET /api/v1/pods"
CREATE = "POST /api/v1/pods"
BUSY = status(429, "TooManyRequests", "busy", headers={"Retry-After": "7"})


@dataclass(frozen=True)
class Slept:
    """Waits that nobody waited for."""

    seconds: list[float] = field(default_factory=list)

    @property
    def patience(self) -> Patience:
        return Patience(sleep=self._sleep, jitter=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def read(connection: Connection, *, idle: float = 10) -> bytes:
    async with aclosing(connection.stream("/api/v1/pods", idle=idle)) as pieces:
        return b"".join([piece async for piece in pieces])


def test_nothing_heavy_is_imported_before_the_first_request() -> None:
    code = "import sys, ciao.k8s.api; print([m for m in ('aiohttp', 'yaml', 'ssl') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "aiohttp" not in shown
    assert "yaml" not in shown


async def test_a_request_carries_who_asks_what_and_the_objects_type() -> None:
    async with ApiServer({"PATCH /api/v1/pods": answer({"kind": "Pod"})}) as server:
        connection = connected(server, login=Token(text="t"), impersonate=(("Impersonate-Group", "a"),))
        got = await connection.request(
            "PATCH", "/api/v1/pods", params={"labelSelector": "a=b,c"}, body={"x": 1}, content="application/y"
        )
        await connection.close()
    assert got == {"kind": "Pod"}
    [asked] = server.asked
    assert (asked.query, asked.body) == ({"labelSelector": "a=b,c"}, {"x": 1})
    assert asked.headers["Authorization"] == "Bearer t"
    assert asked.headers["Impersonate-Group"] == "a"
    assert asked.headers["Content-Type"] == "application/y"
    assert asked.headers["User-Agent"] == "ciao"


async def test_text_is_found_under_its_key() -> None:
    async with ApiServer({PODS: text("ok")}) as server, connected(server) as connection:
        assert await connection.request("GET", "/api/v1/pods") == {"text": "ok"}


async def test_a_server_that_is_busy_is_asked_again_when_it_says() -> None:
    slept = Slept()
    async with (
        ApiServer({PODS: [BUSY, BUSY, answer({"n": 1})]}) as server,
        connected(server, patience=slept.patience) as connection,
    ):
        assert await connection.request("GET", "/api/v1/pods") == {"n": 1}
    assert slept.seconds == [7, 7]


async def test_waits_grow_and_end() -> None:
    slept = Slept()
    async with (
        ApiServer({PODS: text("away", code=503)}) as server,
        connected(server, patience=slept.patience) as connection,
    ):
        with pytest.raises(ApiError, match="503"):
            await connection.request("GET", "/api/v1/pods")
    assert slept.seconds == [0.5, 1.0, 2.0]
    assert server.count(PODS) == 4


async def test_a_broken_connection_is_tried_again_but_not_for_a_post() -> None:
    script = {PODS: [stream(CUT), answer({})], CREATE: [stream(CUT), answer({})]}
    async with ApiServer(script) as server, connected(server) as connection:
        assert await connection.request("GET", "/api/v1/pods") == {}
        with pytest.raises(BackendUnavailable, match="broke the connection"):
            await connection.request("POST", "/api/v1/pods", body={})
    assert server.count(CREATE) == 1


async def test_a_post_that_cannot_have_arrived_is_tried_again() -> None:
    server = ApiServer({CREATE: [BUSY, answer({"n": 1})]})
    await server.start()
    waited = 0

    async def come_back(_seconds: float) -> None:
        nonlocal waited
        waited += 1
        if waited == 1:
            await server.start()

    await server.stop()
    async with connected(server, patience=Patience(sleep=come_back)) as connection:
        assert await connection.request("POST", "/api/v1/pods", body={}) == {"n": 1}
    await server.stop()
    assert waited == 2


async def test_a_stream_ends_only_when_the_server_ends_it() -> None:
    async with (
        ApiServer({PODS: [stream(b"a\n", b"b\n"), stream(b"a\n", CUT)]}) as server,
        connected(server) as connection,
    ):
        assert await read(connection) == b"a\nb\n"
        with pytest.raises(BackendUnavailable, match="broke the connection"):
            await read(connection)


async def test_a_stream_that_falls_silent_is_broken() -> None:
    async with ApiServer({PODS: stream(b"a\n", STALL)}) as server, connected(server) as connection:
        with pytest.raises(BackendUnavailable, match=r"sent nothing for 0\.1 s"):
            await read(connection, idle=0.1)


async def test_pieces_come_as_they_are_sent_and_a_closed_stream_closes_its_connection() -> None:
    feed = Feed(b"one")
    async with ApiServer({PODS: Answer(stream=feed)}) as server, connected(server) as connection:
        async with aclosing(connection.stream("/api/v1/pods", idle=10)) as pieces:
            assert await anext(pieces) == b""
            assert await anext(pieces) == b"one"
            feed.send(b"two")
            assert await anext(pieces) == b"two"
        await server.until_open(0)


async def test_an_answer_is_told_before_there_is_anything_in_it() -> None:
    async with (
        ApiServer({PODS: Answer(stream=Feed())}) as server,
        connected(server) as connection,
        aclosing(connection.stream("/api/v1/pods", idle=10)) as pieces,
        asyncio.timeout(30),
    ):
        assert await anext(pieces) == b""


async def test_a_refused_stream_raises_before_any_piece() -> None:
    gone = status(410, "Expired", "too old resource version")
    async with ApiServer({PODS: [gone, Answer(code=204)]}) as server, connected(server) as connection:
        with pytest.raises(ApiError, match="too old") as caught:
            await read(connection)
        assert (caught.value.code, caught.value.reason) == (410, "Expired")
        with pytest.raises(ApiError) as caught:
            await read(connection)
        assert caught.value.code == 204


async def test_more_than_a_hundred_streams_are_open_at_once() -> None:
    feed = Feed()
    async with ApiServer({PODS: Answer(stream=feed)}) as server, connected(server) as connection:
        reading = [asyncio.create_task(read(connection)) for _ in range(150)]
        await server.until_open(150)
        for _ in reading:
            feed.end()
        await asyncio.gather(*reading)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("http://127.0.0.1:1", "refuses connections: nothing listens there"),
        ("http://nobody.invalid", "nobody knows the host nobody.invalid"),
    ],
)
async def test_a_server_that_is_not_there_is_told_in_words(server: str, words: str) -> None:
    async with connected(server) as connection:
        with pytest.raises(BackendUnavailable) as caught:
            await connection.request("GET", "/version")
    assert words in caught.value.message
    assert "the cluster fake (" in caught.value.message
    assert "`%backend=local`" in caught.value.hint


async def test_a_name_that_nobody_knows_is_not_tried_again() -> None:
    slept = Slept()
    async with connected("http://nobody.invalid", patience=slept.patience) as connection:
        with pytest.raises(BackendUnavailable):
            await connection.request("GET", "/version")
    assert not slept.seconds


async def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TOTAL", 0.1)
    slept = Slept()
    async with (
        ApiServer({PODS: stream(STALL)}) as server,
        connected(server, patience=slept.patience) as connection,
    ):
        with pytest.raises(BackendUnavailable, match="gave no answer in time"):
            await connection.request("GET", "/api/v1/pods")
    assert not slept.seconds  # nor is it asked again


async def test_a_page_to_log_in_at_is_no_answer() -> None:
    page = text("<html>Log in</html>", content="text/html")
    elsewhere = Answer(code=302, headers={"Location": "https://login.example"})
    async with ApiServer({PODS: [page, elsewhere]}) as server, connected(server) as connection:
        for _ in range(2):
            with pytest.raises(BackendUnavailable, match="answers with a web page"):
                await connection.request("GET", "/api/v1/pods")


async def test_broken_json_is_told() -> None:
    async with ApiServer({PODS: Answer(body=b"{")}) as server, connected(server) as connection:
        with pytest.raises(BackendUnavailable, match="broken JSON"):
            await connection.request("GET", "/api/v1/pods")


async def test_a_proxy_is_used_and_one_that_is_gone_is_told() -> None:
    async with ApiServer({"GET /version": answer({"by": "proxy"})}) as proxy:
        async with connected("http://api.invalid", proxy=proxy.url) as connection:
            assert await connection.request("GET", "/version") == {"by": "proxy"}
        await proxy.stop()
        async with connected("http://api.invalid", proxy=proxy.url) as connection:
            with pytest.raises(BackendUnavailable, match="its proxy does not answer"):
                await connection.request("GET", "/version")


async def test_a_socks_proxy_is_refused() -> None:
    with pytest.raises(BackendUnavailable, match="is not for HTTP"):
        connected("http://api", proxy="socks5://me:s3cret@proxy")


async def test_a_closed_connection_says_so() -> None:
    async with ApiServer({PODS: answer({})}) as server:
        connection = connected(server)
        await connection.close()
        await connection.close()
        with pytest.raises(BackendUnavailable, match="was closed"):
            await connection.request("GET", "/api/v1/pods")


async def test_no_secret_is_in_an_error_or_a_repr() -> None:
    async with connected(
        "http://127.0.0.1:1", login=Token(text="s3cret"), proxy="http://s3cret@127.0.0.1:1"
    ) as connection:
        with pytest.raises(BackendUnavailable) as caught:
            await connection.request("GET", "/version")
        assert "s3cret" not in f"{caught.value!r} {connection!r} {vars(caught.value)}"
