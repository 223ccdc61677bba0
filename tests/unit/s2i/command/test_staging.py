"""The folder of a build."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.command.staging import certificates, scratch, stage
from ciao.s2i.layer import Entry
from ciao.settings import Settings


def test_files_have_the_modes_of_an_image_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\x00data")
    entries = (
        Entry(path="ciao/code/a/run", source=b"x", executable=True),
        Entry(path="ciao/code/data", source=tmp_path / "data"),
    )
    before = os.umask(0o077)
    try:
        stage(entries, tmp_path / "context")
    finally:
        os.umask(before)
    modes = {
        str(p.relative_to(tmp_path / "context")): oct(stat.S_IMODE(p.stat().st_mode))
        for p in (tmp_path / "context").rglob("*")
    }
    folders = {"ciao": "0o755", "ciao/code": "0o755", "ciao/code/a": "0o755"}
    assert modes == {**folders, "ciao/code/a/run": "0o755", "ciao/code/data": "0o644"}
    assert (tmp_path / "context/ciao/code/data").read_bytes() == b"\x00data"


async def test_nobody_else_can_look_into_it_and_it_is_gone_behind_the_block(tmp_path: Path) -> None:
    async with scratch({"TMPDIR": str(tmp_path)}) as folder:
        assert (folder.parent, stat.S_IMODE(folder.stat().st_mode)) == (tmp_path, 0o700)
        (folder / "root" / "unpacked").mkdir(parents=True)
        (folder / "root" / "unpacked" / "file").touch()
        (folder / "root" / "unpacked").chmod(0o555)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # in a coroutine


async def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with scratch({"TMPDIR": str(tmp_path)}):
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # in a coroutine


async def test_where_none_can_be_made_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Set TMPDIR"):
        async with scratch({"TMPDIR": str(tmp_path / "missing")}):
            raise AssertionError


def test_an_authority_becomes_a_folder_as_tools_take_it(tmp_path: Path) -> None:
    (tmp_path / "company.pem").write_text("CERTIFICATE")
    folder = certificates(tmp_path / "c", Settings(home=tmp_path, s2i_ca=tmp_path / "company.pem"))
    assert folder is not None
    assert (folder / "ca.crt").read_text() == "CERTIFICATE"
    assert certificates(tmp_path / "d", Settings(home=tmp_path)) is None


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"s2i\.ca, .*missing\.pem"):
        certificates(tmp_path / "c", Settings(home=tmp_path, s2i_ca=tmp_path / "missing.pem"))
