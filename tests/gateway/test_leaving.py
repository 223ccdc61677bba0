"""Clients that are gone before they were there."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from fakes.strangers import TOKEN, until

if TYPE_CHECKING:
    from fakes.strangers import Gateway, Start

HEADERS = "\r\n".join(
    (
        "Host: 127.0.0.1", f"Authorization: token {TOKEN}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    )
)  # fmt: skip


def leave_early(gateway: Gateway, kernel: str, session: str) -> None:
    """Ask for a WebSocket, and go before it is open."""
    path = f"/api/kernels/{kernel}/channels?session_id={session}"
    with socket.create_connection(gateway.address, timeout=30) as gone:
        gone.sendall(f"GET {path} HTTP/1.1\r\n{HEADERS}\r\n\r\n".encode())


def connections(gateway: Gateway) -> int:
    return int(json.loads(gateway.ask("/api/status").text)["connections"])


def test_who_leaves_before_the_websocket_is_open_is_not_counted(start: Start) -> None:
    gateway = start()
    kernel = gateway.kernel()
    for number in range(20):
        leave_early(gateway, kernel.id, f"gone-{number}")
    assert kernel.run("1 + 1").results == ["2"]
    until(lambda: connections(gateway) == 1, "one client")
    kernel.client.stop_channels()
    until(lambda: connections(gateway) == 0, "no client")
