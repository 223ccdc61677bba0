"""``ciao gateway`` in a process of its own, as a user starts it; and any other gateway."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fakes.channels import Door
from fakes.lab import free_port

__all__ = ["Gateway", "running"]

PATIENCE = 60.0
"""Seconds until a test gives up."""


@dataclass(kw_only=True)
class Gateway:
    """A command that serves kernels, on a port that it has again when it is started again."""

    command: Sequence[str]
    home: Path
    authority: Path | None
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/readyz"
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=secrets.token_hex, repr=False)
    """If it is empty, the gateway has its own."""

    @property
    def door(self) -> Door:
        """For those who need no way around it."""
        return self.through(self.port)

    def kernel(self, name: str) -> dict[str, Any]:
        """What it says of a kernel by its id."""
        return dict(self.door.ask(f"/api/kernels/{name}"))

    @property
    def log(self) -> str:
        """All that it has written."""
        return (self.home / "gateway.log").read_text()

    def through(self, port: int) -> Door:
        """The same, by another port of this machine."""
        scheme = "https" if self.authority else "http"
        return Door(url=f"{scheme}://127.0.0.1:{port}", token=self.token, authority=self.authority)

    def client(self, port: int | None = None) -> dict[str, str]:
        """The environment with which a JupyterLab runs its kernels here."""
        trust = {"SSL_CERT_FILE": str(self.authority)} if self.authority else {}
        url = self.through(port or self.port).url
        return {"JUPYTER_GATEWAY_URL": url, "JUPYTER_GATEWAY_AUTH_TOKEN": self.token, **trust}

    def start(self) -> None:
        """Start, and wait until it takes kernels."""
        words = [word.format(port=self.port) for word in self.command]
        environment = {**os.environ, **self.environment, "CIAO_HOME": str(self.home), "CIAO_BACKEND": "local"}
        secret = {"JUPYTER_TOKEN": self.token, "KG_AUTH_TOKEN": self.token} if self.token else {}
        with (self.home / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(words, env={**environment, **secret}, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > end or self._process.poll() is not None:
                self.end(signal.SIGKILL)
                pytest.fail(f"{' '.join(words)} did not start:\n{self.log}")
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, if it runs, and wait; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def _is_ready(self) -> bool:
        request = urllib.request.Request(f"{self.door.url}{self.ready}", headers=self.door.entering)
        try:  # it may make its certificate first
            trust = ssl.create_default_context(cafile=self.authority) if self.authority else None
            urllib.request.urlopen(request, timeout=5, context=trust).close()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running(home: Path, *options: str, authority: Path | None = None, **more: Any) -> Iterator[Gateway]:
    """``ciao gateway`` for as long as this block."""
    command = [sys.executable, "-m", "ciao", "gateway", "--port={port}", *options]
    gateway = Gateway(command=command, home=home, authority=authority, **more)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.end()
