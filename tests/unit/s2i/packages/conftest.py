"""Wheels in a folder: no test here leaves this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.shop import Shop


@pytest.fixture(autouse=True)
def _a_cache_of_their_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))
    for name in ("NO_PROXY", "no_proxy"):  # for an index of the test's own, where the machine has a proxy
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(root=tmp_path)
    made.links.mkdir()
    return made
