"""What the gateway does beside serving."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.frontends.gateway import run, tls
from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.tls import Pair
from fakes.handshake import shakes_hands

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def made(home: Path) -> Pair:
    pair = tls.find(Options(self_signed=True), home)
    assert pair
    return pair


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not met():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def trusted(context: ssl.SSLContext, cert: Path) -> bool:
    try:
        shakes_hands(context, trusts=cert, name="localhost")
    except ssl.SSLError:
        return False
    return True


async def test_a_renewed_certificate_is_used_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "RENEWAL", 0.005)
    used, other = made(tmp_path / "used"), made(tmp_path / "other")
    context = tls.context(used)
    looking = asyncio.create_task(run._renewed(context, used))
    await asyncio.sleep(0)
    with caplog.at_level(logging.WARNING):
        shutil.copy(other.cert, used.cert)
        await until(lambda: "the certificate of before stays" in caplog.text)  # its key is not there yet
        assert not trusted(context, other.cert)
        shutil.copy(other.key, used.key)
        await until(lambda: trusted(context, other.cert))
    assert "is a new one, and is used from now on" in caplog.text
    looking.cancel()


async def test_without_tls_there_is_nothing_to_renew() -> None:
    await run._renewed(None, None)
