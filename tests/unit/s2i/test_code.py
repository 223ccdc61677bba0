"""The layer with the code: its limits, its place, and a temporary file that goes."""

from __future__ import annotations

import asyncio
import io
import tarfile
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing
from ciao.s2i import code, layers
from ciao.s2i.code import MOST, MUCH, code_layer
from ciao.s2i.context import Context
from ciao.s2i.layer import Entry, Layer
from ciao.s2i.layers import pack


def context(*more: Entry) -> Context:
    return Context(entry="cell_3.py", entries=(Entry(path="cell_3.py", source=b"print(1)"), *more))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def of_size(folder: Path, size: int) -> Entry:
    path = folder / "data.bin"
    with path.open("wb") as file:
        file.truncate(size)
    return Entry(path="files/data.bin", source=path)


async def test_everything_lies_in_a_folder_of_our_own() -> None:
    async with code_layer(context(Entry(path="files/a", source=b"")), print) as layer:
        assert isinstance(layer.content, bytes)
        with tarfile.open(fileobj=io.BytesIO(layer.content)) as tar:
            names = tar.getnames()
    assert names == ["ciao", "ciao/code", "ciao/code/cell_3.py", "ciao/code/files", "ciao/code/files/a"]


async def test_code_is_not_compressed_so_that_its_digest_is_the_same_everywhere() -> None:
    async with code_layer(context(), print) as layer:
        assert layer.digest == layer.diff_id


async def test_a_megabyte_of_code_is_told_with_its_size_and_a_better_way(tmp_path: Path) -> None:
    told: list[Packing | Notice] = []
    async with code_layer(context(of_size(tmp_path, 3 * MUCH)), told.append):
        (notice,) = told
    assert isinstance(notice, Notice)
    assert (notice.level, "3.0 MiB" in notice.text, "%volume=CLAIM:/data" in notice.text) == ("warning", True, True)


async def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has 52,428,801 bytes, and an image takes 52,428,800") as caught:
        async with code_layer(context(of_size(tmp_path, MOST - len(b"print(1)") + 1)), print):
            pass
    assert "%volume=CLAIM:/data" in caught.value.hint


async def test_a_large_layer_is_a_file_for_as_long_as_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "IN_MEMORY", 1024)
    monkeypatch.setattr(code, "BRIEF", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with code_layer(context(), print) as layer:
        assert isinstance(layer.content, Path)
        assert files(tmp_path) == [layer.content]
    await asyncio.sleep(0)
    assert files(tmp_path) == []


async def test_a_file_that_nobody_waits_for_any_more_goes_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(entries: Iterable[Entry]) -> Layer:
        begun.set()
        go.wait(30)
        return pack(entries)

    monkeypatch.setattr(layers, "IN_MEMORY", 1024)
    monkeypatch.setattr(code, "BRIEF", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(code, "pack", slow)
    removed = asyncio.Event()
    discard = code._discard

    def seen(work: asyncio.Future[Layer]) -> None:
        assert files(tmp_path) == [work.result().content]
        discard(work)
        removed.set()

    monkeypatch.setattr(code, "_discard", seen)
    task = asyncio.ensure_future(code_layer(context(), print).__aenter__())
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await asyncio.wait_for(removed.wait(), 30)
    assert files(tmp_path) == []


async def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="gone cannot be read: No such file or directory"):
        async with code_layer(context(Entry(path="files/gone", source=tmp_path / "gone")), print):
            pass
