"""TLS without a network."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["shakes_hands"]


def shakes_hands(server: ssl.SSLContext, *, trusts: Path, name: str) -> None:
    """A handshake in memory; raises what the client finds wrong."""
    client = ssl.create_default_context(cafile=trusts)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 does by itself
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
