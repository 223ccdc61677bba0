"""A JupyterLab that connects again while its first connection still waits for the kernel to start."""

from __future__ import annotations

import re
import socket
import ssl
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from fakes.channels import RemoteKernel

if TYPE_CHECKING:
    from fakes.channels import Door
    from fakes.gateway import Gateway

pytestmark = pytest.mark.timeout(120)


def asked(door: Door, path: str) -> ssl.SSLSocket:
    """A connection on which a WebSocket was asked for, and no answer was awaited."""
    host, port = urlsplit(door.url).hostname, urlsplit(door.url).port
    assert host
    trust = ssl.create_default_context(cafile=door.authority)
    connection = trust.wrap_socket(socket.create_connection((host, port), timeout=60), server_hostname=host)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    entering = f"Host: {host}:{port}\r\nAuthorization: token {door.token}"
    connection.sendall(f"GET {path} HTTP/1.1\r\n{entering}\r\n{upgrade}\r\n{key}\r\n\r\n".encode())
    return connection


def test_the_first_of_two_connections_of_one_client_gives_way_and_takes_no_replies(gateway: Gateway) -> None:
    door = gateway.door
    kernel, session = door.start(), uuid.uuid4().hex
    try:
        with asked(door, f"/api/kernels/{kernel}/channels?session_id={session}") as first:
            second = door.connect(kernel, session)
            assert first.recv(1024).startswith(b"HTTP/1.1 409 ")
            assert gateway.kernel(kernel)["connections"] == 1
            second.close()
    finally:
        door.ask(f"/api/kernels/{kernel}", method="DELETE")


def test_a_connection_that_was_replaced_and_says_nothing_is_not_told_of_in_the_log(gateway: Gateway) -> None:
    door, kernel, session = gateway.door, RemoteKernel(gateway.door), uuid.uuid4().hex
    try:
        with asked(door, f"/api/kernels/{kernel.id}/channels?session_id={session}") as first:
            assert first.recv(1024).startswith(b"HTTP/1.1 101 ")
            second = door.connect(kernel.id, session)
            assert kernel.run("print('to all of them')").stdout == "to all of them\n"
            second.close()
    finally:
        kernel.close()
    assert "Replacing stale connection" in gateway.log
    assert not re.search(r"^W \S+ *$", gateway.log, re.MULTILINE)
