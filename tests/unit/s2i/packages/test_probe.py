"""A base is looked into layer by layer, and what was found is kept by its digest."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing
from ciao.s2i.bases import resolve
from ciao.s2i.oci import Base
from ciao.s2i.packages import knowing
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.knowing import interior_of, known
from ciao.s2i.packages.pod import NotAllowed
from ciao.s2i.packages.probe import CannotTell, probe
from ciao.s2i.registry.base import Reference
from ciao.settings import Settings
from fakes import images
from fakes.registry import FakeRegistry, at
from fakes.tars import tar

NAME = "registry.example/team/python:1"
ROOT: Mapping[str, str] = {
    "usr/bin/python3.11": "",
    "lib/libc.so.6": "GNU C Library stable release version 2.36.",
    "usr/lib/python3/dist-packages/numpy-1.24.2.egg-info/PKG-INFO": "",
}
FOUND = Interior(
    python="3.11.2", libc="glibc 2.36", machine="amd64", distributions={"numpy": "1.24.2", "six": "1.16.0"}
)


def layer(
    files: Mapping[str, str], links: Mapping[str, str] | None = None, *, pack: Any = gzip.compress
) -> images.Blob:
    raw = tar(files, links=links)
    return images.Blob(media_type=images.OCI.gzip, content=pack(raw), diff_id=images.sha256(raw))


async def put(registry: FakeRegistry, *layers: images.Blob) -> Base:
    await images.put(registry, at(NAME), layers=layers)
    (base,) = await resolve(registry, NAME)
    return base


async def usual(registry: FakeRegistry) -> Base:
    more = {"usr/lib/python3/dist-packages/six-1.16.0.egg-info": ""}
    return await put(registry, layer(ROOT, {"usr/bin/python3": "python3.11"}), layer(more))


def untold(_: Packing | Notice) -> None:
    pass


class Slow(FakeRegistry):
    """Its blobs come in pieces, until they do not."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.stuck = asyncio.Event()
        self.closed = False

    async def stream(self, name: Reference, digest: str) -> AsyncGenerator[bytes, None]:
        raw = self.blobs[name.host, name.repository, digest]
        try:
            for i in range(self.pieces):
                yield raw[i * 10 : i * 10 + 10]
            self.stuck.set()
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_all_layers_make_one_picture() -> None:
    registry = FakeRegistry()
    assert await probe(await usual(registry), registry, untold) == FOUND


async def test_how_far_it_is_is_told_in_bytes() -> None:
    registry, told = FakeRegistry(), list[Packing | Notice]()
    base = await usual(registry)
    await probe(base, registry, told.append)
    last = told[-1]
    assert isinstance(last, Packing)
    assert (last.step, last.done) == (f"looking into {NAME}", last.total)


async def test_a_base_without_python_is_told() -> None:
    registry = FakeRegistry()
    with pytest.raises(BundleError, match="has no python3 on its PATH") as refused:
        await probe(await put(registry, layer({"bin/sh": ""})), registry, untold)
    assert "%image=" in refused.value.hint


async def test_a_python_without_a_known_libc_is_asked_elsewhere() -> None:
    registry = FakeRegistry()
    base = await put(registry, layer({"usr/bin/python3": "", "usr/bin/python3.11": ""}))
    with pytest.raises(CannotTell, match="which libc"):
        await probe(base, registry, untold)


async def test_a_layer_that_is_none_is_told() -> None:
    registry = FakeRegistry()
    with pytest.raises(CannotTell, match="cannot be read"):
        await probe(await put(registry, layer(ROOT, pack=lambda raw: raw[:100])), registry, untold)


async def test_a_cancelled_look_ends_at_once_and_closes_the_stream() -> None:
    registry = Slow(pieces=2)
    looking = asyncio.ensure_future(probe(await usual(registry), registry, untold))
    await registry.stuck.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert registry.closed


class Endless(FakeRegistry):
    """Sends a layer, and goes on."""

    async def stream(self, name: Reference, digest: str) -> AsyncGenerator[bytes, None]:
        yield self.blobs[name.host, name.repository, digest]
        while True:
            await asyncio.sleep(0)
            yield bytes(1000)


async def test_a_layer_that_has_no_end_is_not_read_for_ever() -> None:
    registry = Endless()
    with pytest.raises(BundleError, match="has more of them"):
        await probe(await put(registry, layer(ROOT, pack=lambda raw: raw)), registry, untold)


async def test_a_base_is_looked_into_once_for_ever(tmp_path: Path) -> None:
    registry, settings = FakeRegistry(), Settings(home=tmp_path / "home")
    base = await usual(registry)
    assert known(base.digest, settings) is None
    first = await interior_of(base, registry=registry, settings=settings, tell=untold)
    registry.forget()
    assert await interior_of(base, registry=registry, settings=settings, tell=untold) == first == FOUND
    assert (registry.forget(), known(base.digest, settings)) == ([], FOUND)


async def test_what_is_kept_and_broken_is_found_out_again(tmp_path: Path) -> None:
    registry, settings = FakeRegistry(), Settings(home=tmp_path / "home")
    base = await usual(registry)
    await interior_of(base, registry=registry, settings=settings, tell=untold)
    (kept,) = (tmp_path / "home" / "interiors").iterdir()
    for text in ("", "[]", "{}", '{"schema": 1, "python": "x"}', '{"schema": 0}'):
        kept.write_text(text)
        assert known(base.digest, settings) is None
    assert await interior_of(base, registry=registry, settings=settings, tell=untold) == FOUND


async def test_a_home_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    registry = FakeRegistry()
    (tmp_path / "home").write_text("a file")
    settings = Settings(home=tmp_path / "home")
    assert await interior_of(await usual(registry), registry=registry, settings=settings, tell=untold) == FOUND


class Asked:
    """Stands for the pod."""

    def __init__(self, answer: Interior | Exception) -> None:
        self.answer = answer
        self.reasons: list[str] = []

    async def __call__(self, base: Base, api: object, *, reason: str = "", **_: object) -> Interior:
        self.reasons.append(reason)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_large_base_is_asked_in_a_pod_if_one_may_be_made(
    allowed: bool,  # noqa: FBT001  # a parameter of the test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = FakeRegistry()
    other = Interior(python="3.12.1", libc="musl", machine="amd64", exact=True)
    ask = Asked(other if allowed else NotAllowed("no"))
    monkeypatch.setattr(knowing, "ask", ask)
    monkeypatch.setattr(knowing, "LARGE", 10)
    api: Any = object()
    settings = Settings(home=tmp_path)
    found = await interior_of(await usual(registry), registry=registry, settings=settings, tell=untold, api=api)
    assert (found, ask.reasons) == (other if allowed else FOUND, [""])


async def test_what_files_do_not_tell_is_asked_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, ask = FakeRegistry(), Asked(FOUND)
    monkeypatch.setattr(knowing, "ask", ask)
    base = await put(registry, layer({"usr/bin/python3": "", "usr/bin/python3.11": ""}))
    api: Any = object()
    settings = Settings(home=tmp_path)
    assert await interior_of(base, registry=registry, settings=settings, tell=untold, api=api) == FOUND
    assert "which libc" in ask.reasons[0]
