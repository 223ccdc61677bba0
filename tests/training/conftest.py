"""Real training on several processes, without a kernel."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess

import pytest

from ciao.settings import Settings
from fakes.local import backend, job, run, spec
from fakes.local import settings as plain_settings

__all__ = ["backend", "job", "plain_settings", "run", "spec"]

TORCH = "/usr/bin/python3"
"""Where Debian's python3-torch is."""


@pytest.fixture(scope="session")
def torch_python() -> str:
    found = subprocess.run([TORCH, "-c", "import torch.distributed"], check=False, capture_output=True)
    if found.returncode != 0:
        pytest.skip(f"needs PyTorch in {TORCH}: apt-get install python3-torch")
    return TORCH


@pytest.fixture(scope="session")
def jax_python() -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs JAX: pip install jax")


@pytest.fixture
def settings(plain_settings: Settings) -> Settings:
    return dataclasses.replace(plain_settings, grace=2.0)
