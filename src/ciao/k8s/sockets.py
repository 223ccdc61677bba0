"""Sockets of streams that live for hours: dead ones are noticed, and each takes little memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import weakref
from typing import Any

from aiohttp import TCPConnector
from aiohttp.connector import Connection

__all__ = ["Connector", "tune"]

AT_ONCE = 32
"""Connections that are being made; a thousand at once would each have the large buffer for a moment."""

KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""Seconds of silence, seconds between probes, probes; the second name is macOS's for the first."""

FAREWELL = 3
"""Turns of the loop in which a transport that is aborted closes its socket: TLS, then TCP."""

TLS_BUFFER = 16 * 1024
"""Bytes; one TLS record. asyncio takes 256 KiB for each connection: 250 MB for a thousand logs."""


class Connector(TCPConnector):
    """Makes connections fit for long streams before anything is sent, and as many as are asked for."""

    def __init__(self) -> None:
        super().__init__(limit=0)
        self._making = asyncio.Semaphore(AT_ONCE)
        self._made: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """A connection, new or kept."""
        async with self._making:
            connection = await super().connect(*args, **kwargs)
            tune(connection.transport)
        if connection.transport is not None:
            self._made.add(connection.transport)
        return connection

    async def end(self) -> None:
        """Let go of every connection at once, also of those that say goodbye to a server that does not answer."""
        await self.close()
        for transport in tuple(self._made):
            if isinstance(transport, asyncio.WriteTransport):
                with contextlib.suppress(AttributeError):  # closed while it still wrote, and done since: it has no loop
                    transport.abort()
        for _ in range(FAREWELL):
            await asyncio.sleep(0)


def tune(transport: asyncio.BaseTransport | None) -> None:
    """Make one connection fit for a long stream; does what the platform can."""
    if transport is None:
        return
    plain = transport.get_extra_info("socket")
    if plain is not None and plain.family in (socket.AF_INET, socket.AF_INET6):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE:
            if hasattr(socket, name):
                plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    _shrink(getattr(transport, "_ssl_protocol", None))


def _shrink(protocol: object) -> None:
    """Of this connection only: asyncio has no setting for it. Other loops than asyncio's have other protocols."""
    if {"_ssl_buffer", "_ssl_buffer_view"} <= vars(protocol).keys() if hasattr(protocol, "__dict__") else False:
        buffer = bytearray(TLS_BUFFER)
        vars(protocol).update(max_size=TLS_BUFFER, _ssl_buffer=buffer, _ssl_buffer_view=memoryview(buffer))
