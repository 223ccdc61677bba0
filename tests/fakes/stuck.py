"""A registry that takes every request but the end of an upload, for which it lets its client wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Stuck", "stuck"]

PATIENCE = 60.0
"""Seconds that an upload waits at most."""


class Stuck:
    """``address`` is its host and port, ``asked`` what it was asked for; ``uploading`` is set once an upload waits."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.uploading = threading.Event()
        self.end = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, registry: Stuck, *socket: object) -> None:
        self._registry = registry
        super().__init__(*socket)  # type: ignore[arg-type]  # the three that a server gives

    def do_GET(self) -> None:
        self._say(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        self._say(404)

    def do_POST(self) -> None:
        self._say(202, Location=f"{self.path.partition('?')[0]}1", Range="0-0")

    def do_PUT(self) -> None:
        self._registry.asked.append(f"{self.command} {self.path}")
        self._registry.uploading.set()
        self._registry.end.wait(PATIENCE)
        self.close_connection = True

    def do_PATCH(self) -> None:
        self.do_PUT()

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _say(self, code: int, **headers: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._registry.asked.append(f"{self.command} {self.path}")
        self.send_response(code)
        for name, text in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, text)
        self.end_headers()


@contextmanager
def stuck() -> Iterator[Stuck]:
    """Listens on 127.0.0.1 while this block lasts."""
    registry = Stuck()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, registry))
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        registry.end.set()
        server.shutdown()
        server.server_close()
        thread.join()
