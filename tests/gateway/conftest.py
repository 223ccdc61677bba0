"""Gateways in processes of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.strangers import Gateway, Start, launched


@pytest.fixture(scope="session", autouse=True)
def _openssl() -> None:
    """Makes the certificates."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a gateway, with or without options; it ends with the test."""
    gateways: list[Gateway] = []

    def begin(*options: str, **environment: str) -> Gateway:
        gateways.append(launched(tmp_path / f"home-{len(gateways)}", *options, **environment))
        return gateways[-1]

    yield begin
    for gateway in gateways:
        _close(gateway)


@pytest.fixture(scope="session")
def tls_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = launched(tmp_path_factory.mktemp("gateway") / "home", "--self-signed")
    yield gateway
    _close(gateway)


@pytest.fixture
def gateway(tls_gateway: Gateway) -> Iterator[Gateway]:
    """One over TLS that tests share; none of them leaves a kernel behind."""
    yield tls_gateway
    for kernel in tls_gateway.kernels:
        kernel.close()
    tls_gateway.kernels.clear()


def _close(gateway: Gateway) -> None:
    for kernel in gateway.kernels:
        kernel.client.stop_channels()
    gateway.end()
