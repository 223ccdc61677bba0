"""What no client can take away from another."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import websocket

from fakes.strangers import RIGHT, until

if TYPE_CHECKING:
    from pathlib import Path

    from fakes.strangers import Gateway, Start

pytestmark = pytest.mark.timeout(240)

MEGABYTE = 10**6


@pytest.fixture
def crowd(gateway: Gateway) -> Iterator[list[socket.socket]]:
    """Two hundred who begin to speak and do not go on: before TLS, in its handshake, in a request's headers or body."""
    context = ssl.create_default_context(cafile=gateway.authority)
    with ExitStack() as stack:
        found: list[socket.socket] = []
        for number in range(200):
            one = stack.enter_context(socket.create_connection(gateway.address, timeout=30))
            if number % 4 == 1:
                one.sendall(b"\x16\x03\x01\x02\x00\x01")
            if number % 4 > 1:
                one = stack.enter_context(context.wrap_socket(one, server_hostname=gateway.address[0]))
                one.sendall(b"POST /api/kernels HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            if number % 4 == 3:
                one.sendall(b"Content-Length: 1000\r\n\r\n{")
            found.append(one)
        yield found


def cell(code: str) -> str:
    """The message of a client that wants it run."""
    header = {
        "msg_id": "1",
        "msg_type": "execute_request",
        "session": "tests",
        "username": "",
        "date": "",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    rest: dict[str, object] = {"parent_header": {}, "metadata": {}, "buffers": []}
    return json.dumps({"channel": "shell", "header": header, "content": content, **rest})


def consumed(channels: websocket.WebSocket) -> None:
    """All that the gateway had to say before it closed them; raises once that is so."""
    while channels.recv():
        pass
    raise websocket.WebSocketConnectionClosedException


def test_two_hundred_half_open_connections_do_not_starve_a_client(gateway: Gateway, crowd: list[socket.socket]) -> None:
    assert gateway.ask("/readyz", headers={}).status == 200
    assert gateway.kernel().run("1 + 1").results == ["2"]
    assert len(gateway.ids()) == 1


def test_of_too_many_the_oldest_that_never_said_who_they_are_must_go(gateway: Gateway) -> None:
    kernel = gateway.kernel()
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(gateway.address, timeout=60)) for _ in range(300)]
        assert crowd[0].recv(1) == b""
        assert kernel.run("1 + 1").results == ["2"]
        assert gateway.ask("/api/kernels").status == 200
        crowd[-1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            crowd[-1].recv(1)


def test_a_message_of_a_hundred_megabytes_is_refused_and_the_kernel_goes_on(gateway: Gateway) -> None:
    kernel = gateway.kernel()
    sent = gateway.channels(kernel.id)
    with contextlib.suppress(OSError, websocket.WebSocketException):  # closed in the middle of it
        sent.send(cell(f"mark = {'x' * 100 * MEGABYTE!r}"))
    with pytest.raises((OSError, websocket.WebSocketException)):
        consumed(sent)
    sent.shutdown()  # type: ignore[no-untyped-call]  # published without types
    assert kernel.run("'mark' in globals()").results == ["False"]
    assert f"a message of more than 32 MiB to kernel {kernel.id} is refused: --max-message" in gateway.log


@pytest.mark.parametrize("subprotocol", [None, "v1.kernel.websocket.jupyter.org"])
def test_a_message_that_claims_a_million_parts_is_refused_and_the_kernel_goes_on(
    gateway: Gateway, subprotocol: str | None
) -> None:
    kernel = gateway.kernel()
    sent = gateway.channels(kernel.id, headers=RIGHT | ({"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}))
    sent.send_binary((10**6).to_bytes(8, "little") if subprotocol else (10**6).to_bytes(4, "big"))
    closing = sent.recv_data()
    while closing[0] != websocket.ABNF.OPCODE_CLOSE:  # what the kernel says meanwhile
        closing = sent.recv_data()
    assert closing[1] == (1007).to_bytes(2, "big") + b"This is no message of Jupyter"
    sent.shutdown()  # type: ignore[no-untyped-call]  # published without types
    assert kernel.run("1 + 1").results == ["2"]


def test_a_message_below_the_limit_arrives(gateway: Gateway) -> None:
    assert gateway.kernel().run(f"len({'x' * 20 * MEGABYTE!r})").results == [str(20 * MEGABYTE)]


def test_a_long_body_is_refused(gateway: Gateway) -> None:
    body = json.dumps({"name": "x" * 2 * MEGABYTE}).encode()
    with contextlib.suppress(OSError):  # closed in the middle of it
        assert gateway.ask("/api/kernels", method="POST", body=body).status in (400, 413)
    assert gateway.ids() == []


def test_there_are_so_many_kernels_and_no_more(start: Start) -> None:
    gateway = start("--max-kernels=1")
    first = gateway.kernel()
    for path, body in (("/api/kernels", {"name": "ciao"}), ("/api/kernels", {}), ("/api/kernels", {"name": "python3"})):
        answer = gateway.ask(path, method="POST", body=body)
        assert answer.status == 429
        assert answer.message == "There are 1 kernels already: shut one down, or start the gateway with --max-kernels"
    session = {"path": "x", "type": "notebook", "name": "x", "kernel": {"name": "ciao"}}
    assert "There are 1 kernels already" in gateway.ask("/api/sessions", method="POST", body=session).text
    assert gateway.ask(f"/api/kernels/{first.id}", method="DELETE").status == 204
    assert gateway.kernel().run("1").results == ["1"]


def test_of_many_that_are_asked_for_at_once_no_more_start_and_no_fewer(start: Start) -> None:
    gateway = start("--max-kernels=2")

    def ask(_: int) -> int:
        return gateway.ask("/api/kernels", method="POST", body={"name": "ciao"}).status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(ask, range(6))) == [201, 201, 429, 429, 429, 429]
    assert len(gateway.ids()) == 2


def test_a_kernel_that_is_not_there_is_told(gateway: Gateway) -> None:
    answer = gateway.ask("/api/kernels", method="POST", body={"name": "../evil"})
    assert (answer.status, answer.message) == (404, "There is no kernel '../evil' here")


def test_idle_kernels_are_ended_and_busy_or_connected_ones_stay(start: Start, tmp_path: Path) -> None:
    gateway = start("--cull-after=1")
    busy, connected, idle, later = (gateway.kernel() for _ in range(4))
    gate = tmp_path / "gate"
    busy.start(f"import os, time\nprint('up')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)", until="up")
    for kernel in (busy, idle):
        kernel.client.stop_channels()
    until(lambda: idle.id not in gateway.ids(), "the idle one's end")
    later.client.stop_channels()
    until(lambda: later.id not in gateway.ids(), "the end of one that was idle for the same time after it")
    assert set(gateway.ids()) == {busy.id, connected.id}
    gate.touch()
    until(lambda: busy.id not in gateway.ids(), "the other one's end, once it is idle")
    assert connected.run("1").results == ["1"]
