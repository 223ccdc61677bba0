"""A TCP proxy on the host, before the API server, that a test cuts, stalls, slows and heals.

TLS passes through it untouched: the API server's certificate holds for 127.0.0.1 too.

    with cut.before_api(cluster.layout) as proxy:
        path = proxy.kubeconfig(tmp_path / "kubeconfig", like=cluster.layout.kubeconfig)
        ... a client that has read `path` ...
        proxy.cut()           # or stall(), or slow(50_000), in bytes a second
        proxy.heal()
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.layout import Layout

HOST = "127.0.0.1"
CHUNK = 1 << 16
TICK = 0.1
"""Seconds between two portions of a slowed connection, at most ten portions a second."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: what is closed so is reset."""


@contextlib.contextmanager
def before_api(cluster: Layout) -> Iterator[Proxy]:
    """A proxy before a cluster's API server, for as long as this block."""
    with before(cluster.node, 6443) as proxy:
        yield proxy


@contextlib.contextmanager
def before(host: str, port: int) -> Iterator[Proxy]:
    """A proxy before any server, for as long as this block; it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    proxy = Proxy(host, port, loop)
    try:
        proxy.heal()
        yield proxy
    finally:
        proxy.cut()
        proxy.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Proxy:
    """Its methods are called from any other thread, and return once what they say is so."""

    def __init__(self, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._target = (host, port)
        self._loop = loop
        self._held = _bound(0)  # it never listens: it keeps the port ours while the connection is cut
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._passing = asyncio.Event()
        self._rate: int | None = None
        self.port: int = self._held.getsockname()[1]
        self.taken = 0
        """So many connections were taken in all, also those that led nowhere."""

    @property
    def open(self) -> int:
        """So many are open now."""
        return len(self._connections)

    def heal(self) -> None:
        """Everything passes at full speed; what was held back by a stall goes on where it was."""
        self._call(self._heal())

    def cut(self) -> None:
        """Every connection is reset and new ones are refused, as after the API server's sudden end."""
        self._call(self._cut())

    def stall(self) -> None:
        """Connections are taken and stay open, but nothing passes, not even an end: as when a network loses all."""
        self._call(self._stall())

    def slow(self, rate: int) -> None:
        """So many bytes a second pass, in each direction of each connection."""
        self._rate = rate

    def kubeconfig(self, path: Path, *, like: Path) -> Path:
        """Write a kubeconfig that leads through here; all else is as in another."""
        config = yaml.safe_load(like.read_text())
        for one in config["clusters"]:
            one["cluster"]["server"] = f"https://{HOST}:{self.port}"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    def close(self) -> None:
        """Give its port back."""
        self._held.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    async def _stall(self) -> None:
        self._passing.clear()

    async def _heal(self) -> None:
        self._rate = None
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._take, sock=_bound(self.port))

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        task = asyncio.current_task()
        assert task  # noqa: S101 - this is one
        self._connections[task] = [writer]
        try:
            if self._server is None:
                raise ConnectionResetError  # it came in the moment of the cut
            await self._join(reader, writer, self._connections[task])
        except (asyncio.CancelledError, OSError):  # cut, or an end that is gone: the other end is to see it too
            for one in self._connections[task]:
                _reset(one)
        finally:
            for one in self._connections.pop(task):
                one.close()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: list[asyncio.StreamWriter]
    ) -> None:
        await self._passing.wait()
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        ends.append(far_writer)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction, to its end."""
        while data := await source.read(CHUNK):
            while data:
                await self._passing.wait()
                rate = self._rate
                portion = max(1, int(rate * TICK)) if rate else CHUNK
                sink.write(data[:portion])
                await sink.drain()
                data = data[portion:]
                await asyncio.sleep(portion / rate if rate else 0)
        await self._passing.wait()
        sink.write_eof()


def _bound(port: int) -> socket.socket:
    """A socket that does not listen yet; any number of them may share a port."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((HOST, port))
    return one


def _reset(end: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # closed already
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.transport.abort()
