"""The image's health check: which address it asks, and what it makes of the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

INIT = ["python", "-I", "-S", "/opt/ciao/image/init.py", "python", "-m", "ciao", "gateway"]


@pytest.mark.parametrize(
    ("words", "environ", "asked"),
    [
        (["--ip=0.0.0.0"], {}, "http://127.0.0.1:8889"),
        (["--port", "9000", "--self-signed"], {}, "https://127.0.0.1:9000"),
        (["--port=1", "--port=2"], {"CIAO_GATEWAY_PORT": "3"}, "http://127.0.0.1:2"),
        ([], {"CIAO_GATEWAY_PORT": "9001", "CIAO_GATEWAY_CERTFILE": "/tls/crt"}, "https://127.0.0.1:9001"),
        ([], {"CIAO_GATEWAY_SELF_SIGNED": "1"}, "https://127.0.0.1:8889"),
        ([], {"CIAO_GATEWAY_SELF_SIGNED": "0"}, "http://127.0.0.1:8889"),
        ([], {"CIAO_GATEWAY_PORT": "tcp://10.0.0.1:80"}, "http://127.0.0.1:8889"),
        (["--certfile=/tls/crt"], {"CIAO_GATEWAY_IP": "10.1.2.3"}, "https://10.1.2.3:8889"),
        (["--ip", "::"], {}, "http://[::1]:8889"),
    ],
)
def test_it_asks_where_the_gateway_was_told_to_listen(
    healthy: ModuleType, words: list[str], environ: dict[str, str], asked: str
) -> None:
    assert healthy.url([*INIT, *words], environ) == f"{asked}/healthz"


class Answering(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """To nobody."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_only_a_gateway_that_says_so_is_healthy(
    healthy: ModuleType, port: int, status: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "status", status)
    monkeypatch.setattr(healthy, "FIRST", tmp_path / "cmdline")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (tmp_path / "cmdline").write_bytes("\0".join([*INIT, f"--port={port}", ""]).encode())
    assert healthy.main() == code


def test_one_that_does_not_listen_is_not(
    healthy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(healthy, "FIRST", tmp_path / "cmdline")
    (tmp_path / "cmdline").write_bytes("\0".join([*INIT, "--port=1", ""]).encode())
    assert healthy.main() == 1
    assert "refused" in capsys.readouterr().err
