"""TLS: who is trusted, who we are, and that no key stays anywhere."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import sockets, tls
from ciao.k8s.access import KeyPair
from fakes.apiserver import STALL, ApiServer, answer, connected, stream
from fakes.certificates import Certificates

SCRIPT = {"GET /version": answer({"gitVersion": "v1"})}


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_server_that_the_authority_signed_is_trusted(signed: Certificates) -> None:
    async with ApiServer(SCRIPT, tls=signed.server()) as server, connected(server, authority=signed.authority) as api:
        assert await api.request("GET", "/version") == {"gitVersion": "v1"}


async def test_a_stranger_is_not_trusted_and_the_words_say_what_to_set(signed: Certificates) -> None:
    async with ApiServer(SCRIPT, tls=signed.server()) as server, connected(server) as api:
        with pytest.raises(BackendUnavailable, match="shows a certificate that is not trusted") as caught:
            await api.request("GET", "/version")
    assert "certificate-authority" in caught.value.hint
    assert not server.asked


async def test_a_name_that_differs_is_told_and_may_be_given(signed: Certificates) -> None:
    async with ApiServer(SCRIPT, tls=signed.server("example")) as server:
        async with connected(server, authority=signed.authority) as api:
            with pytest.raises(BackendUnavailable, match="not trusted: IP address mismatch"):
                await api.request("GET", "/version")
        async with connected(server, authority=signed.authority, server_name="api.example") as api:
            assert await api.request("GET", "/version")


async def test_an_unchecked_server_is_taken_if_the_kubeconfig_says_so(signed: Certificates) -> None:
    async with ApiServer(SCRIPT, tls=signed.server()) as server, connected(server, verify=False) as api:
        assert await api.request("GET", "/version")
        assert len(api.notices) == 1


async def test_a_client_shows_its_certificate_and_no_file_is_left(
    signed: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    us: dict[str, Any] = {"authority": signed.authority, "pair": signed.client}
    async with ApiServer(SCRIPT, tls=signed.server(asks=True)) as server, connected(server, **us) as api:
        assert await api.request("GET", "/version")
    assert not left(tmp_path)


def test_where_memory_is_no_file_the_key_lies_in_one_for_a_moment(
    signed: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert tls.client_context(authority=signed.authority, pair=signed.client)
    assert not left(tmp_path)


def test_what_is_no_pem_is_told(signed: Certificates) -> None:
    with pytest.raises(BackendUnavailable, match="authority of the cluster is not PEM"):
        tls.client_context(authority=b"junk")
    with pytest.raises(BackendUnavailable, match="client certificate and its key cannot be used"):
        tls.client_context(authority=None, pair=KeyPair(certificate=signed.client.certificate, key=b"s3cret"))


async def test_a_server_that_speaks_no_tls_is_told() -> None:
    async with ApiServer(SCRIPT) as server, connected(server.url.replace("http:", "https:")) as api:
        with pytest.raises(BackendUnavailable, match="speaks no TLS that we know"):
            await api.request("GET", "/version")


async def test_a_stream_over_tls_notices_a_dead_server_and_takes_little_memory(
    signed: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[Any] = []
    tune = sockets.tune

    def seen(transport: asyncio.BaseTransport | None) -> None:
        tune(transport)
        tuned.append(transport)

    monkeypatch.setattr(sockets, "tune", seen)
    large = bytes(300_000)
    script = {"GET /log": stream(large, large, STALL)}
    async with ApiServer(script, tls=signed.server()) as server, connected(server, authority=signed.authority) as api:
        pieces, size = api.stream("/log", idle=10), 0
        while size < 2 * len(large):
            size += len(await anext(pieces))
        assert len(tuned[0]._ssl_protocol._ssl_buffer) == sockets.TLS_BUFFER
        plain = tuned[0].get_extra_info("socket")
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        await pieces.aclose()


async def test_tls_goes_through_a_proxy_and_what_that_answers_is_told(signed: Certificates) -> None:
    async with ApiServer(SCRIPT, tls=signed.server()) as server:
        for answered, words in ((200, ""), (407, "its proxy answered 407")):
            tunnel = await asyncio.start_server(tunnelling(server.port, answered), "127.0.0.1", 0)
            proxy = f"http://me:s3cret@127.0.0.1:{tunnel.sockets[0].getsockname()[1]}"
            async with tunnel, connected(server, authority=signed.authority, proxy=proxy) as api:
                if not words:
                    assert await api.request("GET", "/version") == {"gitVersion": "v1"}
                    continue
                with pytest.raises(BackendUnavailable, match=words) as caught:
                    await api.request("GET", "/version")
                assert "s3cret" not in str(caught.value)


def tunnelling(port: int, answered: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A proxy's CONNECT, always to this port."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"CONNECT 127.0.0.1:")
        writer.write(f"HTTP/1.1 {answered} x\r\n\r\n".encode())
        if answered != 200:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    return serve
