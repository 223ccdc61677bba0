"""A registry that takes every request but the end of an upload, for which it lets its client wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Stuck", "stuck"]


class Stuck:
    """``address`` is its host and port, ``asked`` what it was asked for; ``uploading`` is set once an upload waits."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.uploading = threading.Event()
        self.end = threading.Event()


@contextmanager
def stuck() -> Iterator[Stuck]:
    """Listens on 127.0.0.1 while this block lasts."""
    registry = Stuck()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(200 if self.path == "/v2/" else 404)

        def do_HEAD(self) -> None:
            self._say(404)

        def do_POST(self) -> None:
            self._say(202, Location=f"{self.path.partition('?')[0]}1", Range="0-0")

        def do_PUT(self) -> None:
            registry.asked.append(f"PUT {self.path}")
            registry.uploading.set()
            registry.end.wait(60)
            self.close_connection = True

        def do_PATCH(self) -> None:
            self.do_PUT()

        def _say(self, code: int, **headers: str) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            registry.asked.append(f"{self.command} {self.path}")
            self.send_response(code)
            for name, text in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, text)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
