"""The strategy without a registry: code and runner as texts, the limit told before it is hit."""

from __future__ import annotations

from pathlib import Path

import pytest

import ciao.runner
from ciao.errors import BundleError
from ciao.model import Cell, JobSpec, Target
from ciao.s2i.configmap import LIMIT, ConfigMap, files_of
from ciao.settings import Settings
from fakes.asked import job, spec


async def test_the_code_is_there_byte_for_byte_with_the_runner_beside_it() -> None:
    of = spec("pytorch", code="print('é')\r\n\n")
    bundle = await ConfigMap().build(of, job(of), Target(), print)
    assert bundle.files[bundle.entry] == "print('é')\r\n\n"
    runner = Path(ciao.runner.__file__).parent
    assert bundle.files["ciao_runner/init.py"] == (runner / "init.py").read_text()


def test_a_cell_that_is_too_large_is_told_with_size_and_room_and_the_way_out() -> None:
    with pytest.raises(BundleError) as caught:
        files_of(spec("pytorch", code="#" * LIMIT))
    assert "the cell's code has 1,048,576 bytes, and a ConfigMap has room for " in str(caught.value)
    assert "%volume=CLAIM:/data" in caught.value.hint


def test_what_is_let_through_fits() -> None:
    bundle = files_of(spec("pytorch", code="é" * 450_000))
    assert sum(len(path.encode()) + len(str(text).encode()) for path, text in bundle.files.items()) < LIMIT


def including(tmp_path: Path, **files: bytes) -> JobSpec:
    """A job that includes these files from beside its notebook."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    of = spec("pytorch", include=tuple(files))
    return JobSpec(**{**vars(of), "cell": Cell(text=of.code, number=7, notebook=str(tmp_path / "n.ipynb"))})


async def test_included_text_is_text_other_bytes_are_bytes_and_what_can_be_run_is_told(tmp_path: Path) -> None:
    of = including(tmp_path, text="é\r\n".encode(), binary=b"\xff\0", run=b"#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    bundle = await ConfigMap().build(of, job(of), Target(), print)
    assert (bundle.files["files/text"], bundle.files["files/binary"]) == ("é\r\n", b"\xff\0")
    assert bundle.executable == {"files/run"}
    assert bundle == await ConfigMap().plan(of, Target())


async def test_what_is_included_counts_and_the_way_out_is_a_registry(tmp_path: Path) -> None:
    of = including(tmp_path, big=b"\xff" * (LIMIT - 1000))
    with pytest.raises(BundleError) as caught:
        await ConfigMap().build(of, job(of), Target(), print)
    assert "the cell and what it includes have 1,047,584 bytes, and a ConfigMap has room for " in caught.value.message
    assert "s2i.registry" in caught.value.hint


async def test_binary_contents_count_as_they_are_and_not_as_base64(tmp_path: Path) -> None:
    of = including(tmp_path, big=b"\xff" * 850_000)
    assert (await ConfigMap().plan(of, Target())).files["files/big"] == b"\xff" * 850_000


async def test_a_secret_in_the_cell_is_told_because_the_namespace_reads_it(tmp_path: Path) -> None:
    of = spec("pytorch", code="password = 'c0rrect-" + "horse'")
    told: list[object] = []
    await ConfigMap(Settings(home=tmp_path)).build(of, job(of), Target(), told.append)
    assert "read its namespace" in str(told)
    with pytest.raises(BundleError, match="a password in line 1 of the cell"):
        await ConfigMap(Settings(home=tmp_path, s2i_scan="block")).plan(of, Target())


async def test_packages_need_an_image() -> None:
    with pytest.raises(BundleError, match=r"no packages for %package=\. Name a registry"):
        await ConfigMap().plan(spec("pytorch", packages=("einops",)), Target())
