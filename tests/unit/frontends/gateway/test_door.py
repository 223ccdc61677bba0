"""The way in, with Tornado behind it."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tornado import web
from tornado.netutil import bind_sockets

from ciao.frontends.gateway import door
from ciao.frontends.gateway.door import Door, State, connections
from ciao.frontends.gateway.gate import Rules

RULES = Rules(token="right")
HEADERS = b"Host: 127.0.0.1\r\nAuthorization: token right\r\n"
Connect = Callable[[], asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Echo(web.RequestHandler):
    """Stands for Jupyter."""

    async def post(self) -> None:
        await self.finish(self.request.body)


@asynccontextmanager
async def serving(state: State | None = None, rules: Rules = RULES) -> AsyncIterator[tuple[str, int]]:
    """A gateway without kernels; its address."""
    application = web.Application([(r"/api/kernels", Echo)], log_function=lambda _: None)
    state = state or State()
    server = connections(Door(application, rules, state), state, ssl_options=None, max_message=2**20)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    yield sockets[0].getsockname()
    server.stop()
    await server.close_all_connections()


async def said(address: tuple[str, int], *pieces: bytes) -> bytes:
    """All that comes back until the connection is closed, without closing it from here; nothing, if it was reset."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(30):
            for piece in pieces:
                writer.write(piece)
            await writer.drain()
            return await reader.read()
    except ConnectionResetError:  # it was closed before it had read all of this
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("pieces", [(), (b"GET /api/ker",), (b"GET / HTTP/1.1\r\n", HEADERS)])
async def test_who_does_not_say_what_they_want_is_sent_away(
    pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HEADERS_WITHIN", 0.02)
    async with serving() as address:
        assert await said(address, *pieces) == b""


async def test_who_does_not_end_what_they_began_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_WITHIN", 0.02)
    async with serving() as address:
        assert await said(address, b"POST /api/kernels HTTP/1.1\r\n", HEADERS, b"Content-Length: 9\r\n\r\nabc") == b""


async def test_endless_headers_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as address:
        endless = b"X: " + b"x" * (door.HEADER_LIMIT + 1)
        assert await said(address, b"GET / HTTP/1.1\r\n", HEADERS, endless) == b""


async def test_a_stranger_is_answered_before_their_body_is_read() -> None:
    async with serving() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /api/kernels HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n")
        async with asyncio.timeout(30):
            assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.close()


async def test_a_right_request_goes_through_with_its_body() -> None:
    async with serving() as address:
        asked = (b"POST /api/kernels HTTP/1.1\r\n", HEADERS, b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")
        assert (await said(address, *asked)).endswith(b"\r\n\r\nabc")


async def test_beyond_a_number_of_strangers_the_oldest_goes_and_who_is_known_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "UNPROVEN", 2)
    async with serving() as address, asyncio.timeout(30):
        known, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /api/kernels HTTP/1.1\r\n" + HEADERS + b"Content-Length: 3\r\n\r\nabc")
        await known.readuntil(b"abc")
        strangers = [await asyncio.open_connection(*address) for _ in range(3)]
        assert await strangers[0][0].read() == b""
        writer.write(b"POST /api/kernels HTTP/1.1\r\n" + HEADERS + b"Content-Length: 3\r\n\r\nxyz")
        await known.readuntil(b"xyz")
        for _, one in ((known, writer), *strangers):
            one.close()


async def test_strangers_leave_most_of_the_files_that_may_be_open_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    state = State()
    async with serving(state) as address, asyncio.timeout(30):
        strangers = [await asyncio.open_connection(*address) for _ in range(3)]
        assert await strangers[0][0].read() == b""
        assert len(state.unproven) == 2
        for _, one in strangers:
            one.close()


async def test_who_only_asks_as_a_browser_does_before_it_has_a_token_stays_a_stranger() -> None:
    state = State()
    async with serving(state, Rules(token="right", origin="https://lab.example")) as address, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"OPTIONS /api/kernels HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://lab.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert len(state.unproven) == 1
        writer.close()


async def test_of_what_a_stranger_asks_for_the_log_repeats_a_little(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as address:
        long = b"x" * 60_000
        for asked in (b"GET /" + long, b"G" + long + b" /"):
            assert b" 40" in await said(address, asked + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        for name in (b"Host", b"Host: localhost\r\nOrigin"):
            await said(address, b"GET /api HTTP/1.1\r\n" + name + b": " + long + b"\r\nConnection: close\r\n\r\n")
    refused = [record.getMessage() for record in caplog.records if record.name == door.__name__]
    assert len(refused) == 4
    assert max(map(len, refused)) < 500


async def test_those_who_have_gone_are_not_counted() -> None:
    state = State()
    async with serving(state) as address:
        for _ in range(5):
            assert (await said(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).startswith(
                b"HTTP/1.1 200"
            )
        assert len(state.unproven) <= 1


async def test_it_is_not_ready_when_it_stops() -> None:
    state = State()
    async with serving(state) as address:
        ask = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert (await said(address, ask)).startswith(b"HTTP/1.1 200 ")
        state.stopping = True
        assert (await said(address, ask)).startswith(b"HTTP/1.1 503 ")


async def test_once_it_stops_it_begins_nothing_and_still_answers() -> None:
    state = State(stopping=True)
    async with serving(state) as address:
        right = (HEADERS, b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        assert b"503 Service Unavailable" in await said(address, b"POST /api/kernels/a-b/restart HTTP/1.1\r\n", *right)
        assert b"405 Method Not Allowed" in await said(address, b"GET /api/kernels HTTP/1.1\r\n", *right)  # by Echo
        stranger = b"POST /api/kernels HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
        assert b"401 Unauthorized" in await said(address, stranger)
