"""A client of kernels that are somewhere else: by HTTP and one WebSocket, as the page of a JupyterLab is one."""

from __future__ import annotations

import collections
import contextlib
import json
import queue
import socket
import ssl
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from fakes.kernel import PATIENCE, Kernel

__all__ = ["Door", "RemoteKernel"]

NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


@dataclass(frozen=True, kw_only=True)
class Door:
    """A Jupyter server or a gateway, and what one enters with."""

    url: str
    token: str = field(repr=False)
    authority: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """One request; the JSON of its answer. Raises HTTPError with the status."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=self.entering, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE, context=self._trust) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def start(self, name: str = "ciao") -> str:
        """The id of a new kernel."""
        return str(self.ask("/api/kernels", method="POST", body={"name": name})["id"])

    def connect(self, kernel: str, session: str) -> websocket.WebSocket:
        """Its channels."""
        url = f"ws{self.url.removeprefix('http')}/api/kernels/{kernel}/channels?session_id={session}"
        trust = {"context": self._trust} if self._trust else {}
        return websocket.create_connection(
            url, timeout=PATIENCE, header=self.entering, sslopt=trust, sockopt=NODELAY, suppress_origin=True
        )

    @property
    def entering(self) -> dict[str, str]:
        """The headers of every request."""
        return {"Authorization": f"token {self.token}", **self.headers}

    @property
    def _trust(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.authority) if self.url.startswith("https") else None


class RemoteKernel(Kernel):
    """All that `Kernel` does, to a kernel behind a door. ``close`` ends it, unless it is another's."""

    def __init__(self, door: Door, *, name: str = "ciao", kernel: str = "", patience: float = PATIENCE) -> None:
        self.door = door
        self.id = kernel or door.start(name)
        channels: Any = _Channels(door, self.id)
        super().__init__(channels, patience=patience)

    def interrupt(self) -> None:
        self.door.ask(f"/api/kernels/{self.id}/interrupt", method="POST")

    def state(self) -> dict[str, Any]:
        """What the server behind the door says of it."""
        return dict(self.door.ask(f"/api/kernels/{self.id}"))

    def close(self) -> None:
        self.client.stop_channels()
        with contextlib.suppress(OSError):  # it has gone before
            self.door.ask(f"/api/kernels/{self.id}", method="DELETE")


class _Channels:
    """So much of a kernel client, and of its manager, as `Kernel` asks for."""

    def __init__(self, door: Door, kernel: str) -> None:
        self._door, self._kernel = door, kernel
        self._session = uuid.uuid4().hex
        self._came: dict[str, collections.deque[dict[str, Any]]] = collections.defaultdict(collections.deque)

    def client(self) -> Any:
        return self

    def start_channels(self) -> None:
        self._socket = self._door.connect(self._kernel, self._session)

    def stop_channels(self) -> None:
        self._socket.close()

    def wait_for_ready(self, *, timeout: float) -> None:
        """Ask until it answers to us: a kernel that starts may lose what it is asked first."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            request = self._send("kernel_info_request", {})
            with contextlib.suppress(queue.Empty):
                while (came := self.get_shell_msg(timeout=5))["parent_header"].get("msg_id") != request:
                    assert came["msg_type"] == "kernel_info_reply"
                return
        raise TimeoutError("kernel_info_reply")

    def execute(self, code: str, **how: Any) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        return self._send("execute_request", {**content, "user_expressions": {}, **how})

    def get_iopub_msg(self, *, timeout: float) -> dict[str, Any]:
        return self._next("iopub", timeout)

    def get_shell_msg(self, *, timeout: float) -> dict[str, Any]:
        return self._next("shell", timeout)

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": self._session, "username": "", "date": ""}
        message = {"channel": "shell", "header": {**header, "version": "5.3"}, "content": content}
        self._socket.send(json.dumps({**message, "parent_header": {}, "metadata": {}, "buffers": []}))
        return header["msg_id"]

    def _next(self, channel: str, timeout: float) -> dict[str, Any]:
        end = time.monotonic() + timeout
        while not self._came[channel]:
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                message = json.loads(self._socket.recv())
            except websocket.WebSocketTimeoutException:
                raise queue.Empty from None
            self._came[message["channel"]].append({**message, "msg_type": message["header"]["msg_type"]})
        return self._came[channel].popleft()
