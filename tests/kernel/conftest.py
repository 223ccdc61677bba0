"""Kernels as frontends have them: processes, spoken to over ZeroMQ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.kernel import Kernel, launched


@pytest.fixture(autouse=True)
def _found(installed: None) -> None:
    """Each test starts the kernel by its name."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """``$CIAO_HOME`` of the test's kernels."""
    return tmp_path


@pytest.fixture
def launch(home: Path) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel; it ends with the test."""
    kernels: list[Kernel] = []

    def start(name: str = "ciao", **environment: str) -> Kernel:
        kernels.append(launched(home, name, environment=environment))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Path]]:
    home = tmp_path_factory.mktemp("home")
    kernel = launched(home)
    yield kernel, home
    kernel.close()


@pytest.fixture
def kernel(shared: tuple[Kernel, Path]) -> Kernel:
    """A kernel that the tests of one file share."""
    return shared[0]


@pytest.fixture
def jobs(shared: tuple[Kernel, Path]) -> Path:
    """The folder of the jobs of that kernel."""
    return shared[1] / "jobs"
