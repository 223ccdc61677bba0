"""Kernels behind a gateway on this machine, from which only its port is known to who uses them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes import certificates
from fakes.channels import Door, RemoteKernel
from fakes.gateway import Gateway, running
from fakes.lab import TOKEN, browser, install_kernel, jupyter

__all__ = ["browser"]

OFTEN = {"JUPYTER_GATEWAY_RETRY_INTERVAL": "0.1", "JUPYTER_GATEWAY_RETRY_INTERVAL_MAX": "0.2"}
"""How soon a JupyterLab connects again. Its own figures, five attempts in half a minute, are those of the long runs."""
PASSED = ("HOME", "CIAO_HOME", "CIAO_BACKEND")
"""What Jupyter Kernel Gateway is to leave of its environment to kernels of a JupyterLab: it leaves PATH alone."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway of these tests keeps its jobs, apart from the user's machine."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with server.crt and server.key for 127.0.0.1, and with the ca.crt that signed them."""
    return certificates.make(tmp_path_factory.mktemp("tls")).folder


@pytest.fixture(scope="module")
def gateway(home: Path, tls: Path) -> Iterator[Gateway]:
    pair = (f"--certfile={tls / 'server.crt'}", f"--keyfile={tls / 'server.key'}")
    with running(home, *pair, authority=tls / "ca.crt") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def kernel_gateway(home: Path, tls: Path) -> Iterator[Gateway]:
    """Jupyter Kernel Gateway, which knows nothing of us but the installed kernelspec."""
    pair = (f"--KernelGatewayApp.certfile={tls / 'server.crt'}", f"--KernelGatewayApp.keyfile={tls / 'server.key'}")
    command = [sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.port={port}", *pair]
    environment = {"JUPYTER_PATH": str(install_kernel(home / "prefix")), "KG_ENV_PROCESS_WHITELIST": ",".join(PASSED)}
    gateway = Gateway(command=command, environment=environment, home=home, authority=tls / "ca.crt", ready="/api")
    gateway.start()
    yield gateway
    gateway.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Door]]:
    """``server(gateway)`` is the user's Jupyter server, without the page of a JupyterLab; the kernels are behind it."""
    with ExitStack() as stack:

        def start(gateway: Gateway, *, port: int | None = None, often: bool = True) -> Door:
            retries = {**OFTEN, "JUPYTER_GATEWAY_RETRY_MAX": "1000"} if often else {}
            environment = {**gateway.client(port), **retries}
            home = tmp_path_factory.mktemp("user")
            return Door(
                url=stack.enter_context(jupyter(home, program="jupyter_server", environment=environment)), token=TOKEN
            )

        yield start


@pytest.fixture
def launch() -> Iterator[Callable[..., RemoteKernel]]:
    """Start a kernel behind a door; it ends with the test."""
    with ExitStack() as stack:

        def start(door: Door) -> RemoteKernel:
            kernel = RemoteKernel(door)
            stack.callback(kernel.close)
            return kernel

        yield start
