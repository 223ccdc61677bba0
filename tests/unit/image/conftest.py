"""The scripts of the image are no package: each is loaded from its file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def healthy() -> ModuleType:
    return loaded("deploy/image/healthy.py")


@pytest.fixture(scope="session")
def install() -> ModuleType:
    return loaded("deploy/image/install.py")


@pytest.fixture(scope="session")
def sbom() -> ModuleType:
    return loaded("tools/sbom.py")
