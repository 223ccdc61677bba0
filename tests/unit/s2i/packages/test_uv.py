"""uv as a child: with little of the environment, without secrets in what it says, ended with whoever waits."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.packages import uv
from ciao.s2i.packages.uv import Uv, environment

Program = Callable[[str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """In the place of uv."""

    def be(text: str) -> None:
        path = tmp_path / "uv"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(uv, "binary", lambda: str(path))

    return be


def call(tmp_path: Path, **more: object) -> Uv:
    return Uv(config=tmp_path / "uv.toml", **more)  # type: ignore[arg-type]  # as they are there


def test_the_environment_has_what_a_network_needs_and_no_more() -> None:
    ours = {"HOME": "/h", "HTTPS_PROXY": "p", "no_proxy": "n", "SSL_CERT_FILE": "c", "UV_CACHE_DIR": "u"}
    others = ("UV_INDEX_URL", "UV_CONSTRAINT", "PIP_INDEX_URL", "VIRTUAL_ENV", "PYTHONPATH", "TOKEN")
    kept = environment({**ours, **dict.fromkeys(others, "x")})
    assert ours.items() <= kept.items()
    assert not kept.keys() & set(others)


def test_without_a_home_what_it_keeps_goes_with_the_installation(tmp_path: Path) -> None:
    for environ in ({}, {"HOME": "/proc/none"}):
        assert environment(environ, scratch=tmp_path)["UV_CACHE_DIR"] == str(tmp_path / "cache")
    assert "UV_CACHE_DIR" not in environment({"HOME": str(tmp_path)}, scratch=tmp_path)
    assert environment({"UV_CACHE_DIR": "/mine"}, scratch=tmp_path)["UV_CACHE_DIR"] == "/mine"


async def test_what_it_says_is_heard_line_by_line_without_a_secret(program: Program, tmp_path: Path) -> None:
    program("echo out hunter2; echo one hunter2 >&2; echo two >&2; exit 3")
    heard: list[str] = []
    ran = await call(tmp_path, secrets=["hunter2"], heard=heard.append)("install")
    assert (ran.code, ran.output, ran.said) == (3, "out ***\n", "one ***\ntwo")
    assert heard == ["one ***", "two"]


async def test_its_words_are_the_command_its_own_configuration_and_what_every_command_gets(
    program: Program, tmp_path: Path
) -> None:
    program('echo "$@"')
    ran = await call(tmp_path, common=("--common",))("compile", "--word")
    assert ran.output == f"pip compile --config-file {tmp_path}/uv.toml --common --word\n"


async def test_a_cancelled_installation_ends_all_that_it_started(program: Program, tmp_path: Path) -> None:
    program(f"sh -c 'echo $$ > {tmp_path}/child; exec sleep 600' & echo begun >&2; wait")
    begun = asyncio.Event()
    running = asyncio.ensure_future(call(tmp_path, heard=lambda _: begun.set())("install"))
    await begun.wait()
    async with asyncio.timeout(30):
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():  # noqa: ASYNC110  # a file
            await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    child = int((tmp_path / "child").read_text())
    async with asyncio.timeout(30):
        while _lives(child):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.002)


async def test_one_that_takes_for_ever_is_told(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("exec sleep 600")
    monkeypatch.setattr(uv, "LONGEST", 0.01)
    with pytest.raises(BundleError, match="were not installed within"):
        await call(tmp_path)("install")


async def test_one_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "binary", lambda: str(tmp_path / "none"))
    with pytest.raises(BundleError, match="does not start"):
        await call(tmp_path)("install")


def test_where_it_is_missing_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(BundleError, match="uv, which installs packages, is missing") as refused:
        uv.binary()
    assert "pip install" in refused.value.hint


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
        return b"\nState:\tZ" not in Path(f"/proc/{process}/status").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return False
