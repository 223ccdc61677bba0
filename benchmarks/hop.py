"""What a gateway costs a message: a Jupyter server with its kernels behind `ciao gateway`, against one with its own.

Both run the same kernel in the same minute, and are asked in turn. The gateway is behind TLS, as it is for users. What
is measured is a whole conversation: a cell there and, as the kernel sends them one by one, five messages back. Two of
the six are behind one another, the first and the last, so what a message costs is half of the difference; the limit is
2 ms. The client acknowledges at once: else each side would show the 40 ms for which a client on the same machine may
put that off, which have nothing to do with either.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import websocket

ROUNDS, WARM, LIMIT = 300, 30, 2.0
"""Conversations with each, those before that count for nothing, and milliseconds."""

SERVER = (
    *(sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--ip=127.0.0.1"),
    *("--ServerApp.port_retries=0", "--ServerApp.log_level=ERROR"),
)
QUICK = getattr(socket, "TCP_QUICKACK", None)


class Client:
    """One kernel behind one server."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"token {token}"}
        request = urllib.request.Request(f"{url}/api/kernels", b'{"name": "ciao"}', headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            kernel = json.loads(answer.read())["id"]
        self._session = uuid.uuid4().hex
        channels = f"ws{url.removeprefix('http')}/api/kernels/{kernel}/channels?session_id={self._session}"
        nodelay = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
        self._socket = websocket.create_connection(
            channels, timeout=60, header=headers, sockopt=nodelay, suppress_origin=True
        )

    def converse(self) -> float:
        """Milliseconds from a cell until its reply and its end are both here."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self._session, "username": ""}
        content = {"code": "1", "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"channel": "shell", "header": {**header, "version": "5.3", "date": ""}, "content": content}
        text = json.dumps({**message, "parent_header": {}, "metadata": {}, "buffers": []})
        missing = {"execute_input", "execute_result", "execute_reply", "idle"}
        began = time.perf_counter()
        self._socket.send(text)
        while missing:
            came = self._next()
            if came["parent_header"].get("msg_id") == header["msg_id"]:
                missing -= {came["header"]["msg_type"], came["content"].get("execution_state")}
        return (time.perf_counter() - began) * 1000

    def _next(self) -> dict[str, dict[str, str]]:
        if QUICK is not None and self._socket.sock:  # it holds for a while only
            self._socket.sock.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
        came: dict[str, dict[str, str]] = json.loads(self._socket.recv())
        return came


@contextmanager
def served(command: list[str], environment: Mapping[str, str], ready: str, authority: str | None) -> Iterator[None]:
    """A server for as long as this block, ready."""
    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    trust = ssl.create_default_context(cafile=authority) if authority else None
    try:
        while True:
            try:
                urllib.request.urlopen(ready, timeout=5, context=trust).close()
                break
            except urllib.error.URLError:
                assert process.poll() is None, f"{command} ended"
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def certificate(folder: Path) -> tuple[str, str]:
    """For 127.0.0.1, signed by itself; and its key."""
    key, file = str(folder / "key.pem"), str(folder / "cert.pem")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=hop")
    command = ["openssl", "req", "-x509", *new, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file]
    subprocess.run(command, check=True, capture_output=True)
    return file, key


def servers(home: Path, stack: ExitStack) -> tuple[Client, Client]:
    """A client of each: through the gateway, and native."""
    token = secrets.token_hex()
    file, key = certificate(home)
    install = [sys.executable, "-m", "ciao", "kernel", "install", "--prefix", str(home)]
    subprocess.run(install, check=True, capture_output=True)
    alone = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    common = {**alone, "CIAO_HOME": str(home / "ciao"), "JUPYTER_PATH": str(home / "share" / "jupyter")}
    common |= {"HOME": str(home), "JUPYTER_TOKEN": token}

    def start(command: list[str], path: str, authority: str | None = None, **environment: str) -> str:
        url = f"http{'s' if authority else ''}://127.0.0.1:{(port := free_port())}"
        stack.enter_context(served([*command, f"--port={port}"], {**common, **environment}, url + path, authority))
        return url

    command = [sys.executable, "-m", "ciao", "gateway", f"--certfile={file}", f"--keyfile={key}"]
    gateway = start(command, "/readyz", file)
    behind = {"JUPYTER_GATEWAY_URL": gateway, "JUPYTER_GATEWAY_AUTH_TOKEN": token, "SSL_CERT_FILE": file}
    return Client(start([*SERVER], "/api", **behind), token), Client(start([*SERVER], "/api"), token)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        remote, native = servers(Path(folder), stack)
        pairs = [(remote.converse(), native.converse()) for _ in range(WARM + ROUNDS)][WARM:]
    through, without = (statistics.median(side) for side in zip(*pairs, strict=True))
    hop = statistics.median(a - b for a, b in pairs)
    print(f"a cell and its five answers: through the gateway {through:.2f} ms, native {without:.2f} ms")
    print(f"the hop, median of {ROUNDS} pairs: {hop:.2f} ms there and back, {hop / 2:.2f} ms a message (limit {LIMIT})")
    return 0 if hop / 2 <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
