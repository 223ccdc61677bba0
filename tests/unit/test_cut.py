"""The proxy that a test cuts, stalls and slows, before a server that says everything twice."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster import cut, readiness
from cluster.cut import Proxy

PATIENCE = 60.0
MOMENT = 0.05
"""Seconds in which nothing comes: a test that waits too short cannot fail for that."""


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)
        self.wfile.write(b"end\n")


class Server(socketserver.ThreadingTCPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A reset is what some tests are about: nothing to print."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with cut.before("127.0.0.1", server.server_address[1]) as proxy:
                yield proxy
        finally:
            server.shutdown()
            thread.join()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def says(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return client.recv(1 << 16)


def at_once(client: socket.socket) -> bytes:
    """All that comes without a pause."""
    got = b""
    client.settimeout(MOMENT)
    with contextlib.suppress(TimeoutError):
        while piece := client.recv(1 << 16):
            got += piece
    client.settimeout(PATIENCE)
    return got


def test_bytes_and_ends_pass_in_both_directions(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert says(client, b"one\n") == b"one\n"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b"end\n"
        assert client.recv(100) == b""


def test_connections_are_counted(proxy: Proxy) -> None:
    with connect(proxy) as one, connect(proxy) as two:
        says(one, b"1\n"), says(two, b"2\n")
        assert (proxy.taken, proxy.open) == (2, 2)
    readiness.until(lambda: proxy.open == 0, what="Both are closed", seconds=PATIENCE)
    assert proxy.taken == 2


def test_a_cut_resets_what_is_open_and_refuses_what_is_new(proxy: Proxy) -> None:
    with connect(proxy) as client:
        says(client, b"one\n")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_after_a_cut_is_healed_the_same_port_answers(proxy: Proxy) -> None:
    proxy.cut()
    proxy.heal()
    with connect(proxy) as client:
        assert says(client, b"one\n") == b"one\n"


def test_a_stall_takes_connections_and_passes_nothing_until_it_is_healed(proxy: Proxy) -> None:
    with connect(proxy) as old:
        says(old, b"one\n")
        proxy.stall()
        with connect(proxy) as new:
            for client in (old, new):
                client.sendall(b"two\n")
                client.settimeout(MOMENT)
                with pytest.raises(TimeoutError):
                    client.recv(1)
                client.settimeout(PATIENCE)
            proxy.heal()
            assert (old.recv(100), new.recv(100)) == (b"two\n", b"two\n")


def test_a_slow_line_passes_a_portion_at_a_time(proxy: Proxy) -> None:
    text = b"a line\n" * 1000
    with connect(proxy) as client:
        says(client, b"one\n")
        proxy.slow(100)
        got = says(client, text) + at_once(client)
        assert len(got) < len(text)
        proxy.heal()
        while len(got) < len(text):
            got += client.recv(1 << 16)
        assert got == text


def test_a_server_that_is_gone_resets_its_clients() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with cut.before("127.0.0.1", closed.getsockname()[1]) as proxy:
            with pytest.raises(ConnectionResetError), connect(proxy) as client:
                client.recv(1)
            assert proxy.taken == 1


def test_a_kubeconfig_leads_through_the_proxy(proxy: Proxy, tmp_path: Path) -> None:
    given = {"clusters": [{"name": "a", "cluster": {"server": "https://10.0.0.1:6443", "x": "kept"}}], "users": []}
    like = tmp_path / "like"
    like.write_text(yaml.safe_dump(given))
    written = yaml.safe_load(proxy.kubeconfig(tmp_path / "written", like=like).read_text())
    assert written["clusters"][0]["cluster"] == {"server": f"https://127.0.0.1:{proxy.port}", "x": "kept"}
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o600
