"""Jobs on the local backend, and file systems that run into their limits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.local import backend, job, run, settings, spec
from fakes.processes import left_of

pytest.register_assert_rewrite("contract.backend", "contract.s2i")

__all__ = ["backend", "job", "run", "settings", "spec"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from _mounted(tmp_path / "small", "size=1m")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from _mounted(tmp_path / "fixed", "size=1m,ro")


def _mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own; needs root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def left() -> Callable[[str], list[bytes]]:
    return left_of
