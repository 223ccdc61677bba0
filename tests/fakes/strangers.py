"""``ciao gateway`` in a process of its own, and whatever strangers and clients may say to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import websocket

from fakes.channels import Door, RemoteKernel

__all__ = ["PATIENCE", "RIGHT", "TOKEN", "Answer", "Gateway", "Start", "launched", "until"]

PATIENCE = 100.0
"""Seconds until a test gives up."""
TOKEN = "token-of-the-tests-0123456789"
RIGHT = {"Authorization": f"token {TOKEN}"}


class Answer(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """What a JupyterLab shows of an error."""
        return str(json.loads(self.text)["message"])


@dataclass(kw_only=True)
class Gateway:
    """One that runs. ``url`` has no slash at its end."""

    process: subprocess.Popen[bytes]
    home: Path
    kernels: list[RemoteKernel] = field(default_factory=list)

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self.home / "gateway.log").read_text()

    @property
    def url(self) -> str:
        match = re.search(r"^gateway: (\S+)/$", self.log, re.MULTILINE)
        assert match, self.log
        return match[1]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def authority(self) -> Path | None:
        return self.home / "gateway" / "tls" / "cert.pem" if self.url.startswith("https") else None

    @property
    def trust(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.authority) if self.authority else None

    def ask(self, path: str, *, method: str = "GET", headers: Mapping[str, str] = RIGHT, body: Any = None) -> Answer:
        """One request, with the right token unless others are given."""
        host, port = self.address
        if self.trust:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=PATIENCE, context=self.trust
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, urlsplit(self.url).path + path, body=data, headers=dict(headers))
            with connection.getresponse() as answer:
                return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))
        finally:
            connection.close()

    def channels(
        self, kernel: str, *, headers: Mapping[str, str] = RIGHT, origin: str | None = None
    ) -> websocket.WebSocket:
        """The WebSocket of a kernel."""
        url = f"ws{self.url.removeprefix('http')}/api/kernels/{kernel}/channels?session_id=tests"
        return websocket.create_connection(
            url,
            timeout=PATIENCE,
            header=dict(headers),
            origin=origin,
            suppress_origin=origin is None,
            sslopt={"context": self.trust} if self.trust else {},
        )

    def kernel(self, **headers: str) -> RemoteKernel:
        """A new one, with a client."""
        made = RemoteKernel(Door(url=self.url, token=TOKEN, authority=self.authority, headers=headers))
        self.kernels.append(made)
        return made

    def ids(self) -> list[str]:
        """Of the kernels that there are."""
        return [str(kernel["id"]) for kernel in json.loads(self.ask("/api/kernels").text)]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


Start = Callable[..., Gateway]


def until(met: Callable[[], object], what: str) -> None:
    """Ask until it is so."""
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def launched(home: Path, *options: str, token: str = TOKEN, **environment: str) -> Gateway:
    """It listens when this returns."""
    home.mkdir(exist_ok=True)
    given = {**os.environ, "CIAO_HOME": str(home), "CIAO_BACKEND": "local", **environment}
    if token:
        given["JUPYTER_TOKEN"] = token
    with (home / "gateway.log").open("wb") as log:
        command = [sys.executable, "-m", "ciao", "gateway", "--port=0", *options]
        process = subprocess.Popen(command, env=given, stdout=log, stderr=log, cwd=home)
    gateway = Gateway(process=process, home=home)
    until(lambda: "\nconnect: " in gateway.log or process.poll() is not None, "a gateway")
    assert process.poll() is None, gateway.log
    return gateway
