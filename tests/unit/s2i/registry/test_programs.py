"""Credential helpers that hang, or that are left in their middle."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry import programs


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With one helper, which tells its number and then hangs."""
    path = tmp_path / "docker-credential-slow"
    path.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/number.new; mv {tmp_path}/number.new {tmp_path}/number\nexec sleep 60\n"
    )
    path.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def gone(tmp_path: Path) -> bool:
    number = (tmp_path / "number").read_text().strip()
    return not Path(f"/proc/{number}").exists()


async def test_a_helper_that_hangs_is_ended(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"gave no answer within 0\.3 s"):
        await programs.ask("slow", "registry.example", environ=environ, patience=0.3)
    assert not (tmp_path / "number").exists() or gone(tmp_path)


async def test_a_helper_ends_with_whoever_asked(environ: dict[str, str], tmp_path: Path) -> None:
    asked = asyncio.ensure_future(programs.ask("slow", "registry.example", environ=environ))
    async with asyncio.timeout(30):
        while not (tmp_path / "number").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.005)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert gone(tmp_path)
