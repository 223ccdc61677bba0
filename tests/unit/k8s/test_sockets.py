"""Connections are let go of at once, whatever they were doing."""

from __future__ import annotations

import asyncio

from ciao.k8s.sockets import Connector

MUCH = bytes(16_000_000)


async def test_one_that_was_closed_while_it_wrote_and_is_done_is_no_trouble() -> None:
    done = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        done.set()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(MUCH)
    writer.close()
    await done.wait()
    await writer.wait_closed()
    connector = Connector()
    connector._made.add(writer.transport)  # as one of its own
    await connector.end()
    server.close()
    await server.wait_closed()
