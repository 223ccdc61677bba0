"""Packages as images in real registries: made once, found by another client, refused by nobody's secret."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import sys
import tarfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing
from ciao.s2i.bases import resolve
from ciao.s2i.oci import Base
from ciao.s2i.packages.site import cached_packages, with_packages
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse, repository
from ciao.settings import Settings
from fakes import images
from fakes.tars import tar
from fakes.wheels import wheel
from registries import Local, Registries

pytestmark = pytest.mark.registry

PYTHON = {
    "usr/bin/python3.11": "",
    "lib/libc.so.6": "GNU C Library stable release version 2.36.",
    "usr/lib/python3/dist-packages/numpy-1.24.2.egg-info/PKG-INFO": "",
    "usr/share/large": "x" * 1_000_000,
}


class Place:
    """A registry with a base that has a Python, and wheels in a folder."""

    def __init__(self, local: Local, root: Path) -> None:
        self.name = f"{local.address}/{secrets.token_hex(4)}"
        self.settings = local.settings(home=root / "home", s2i_registry=self.name)
        self.root = root
        self.told: list[Packing | Notice] = []

    @property
    def into(self) -> Reference:
        return repository(self.settings)

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[Client]:
        made = Client(self.settings, environ={})
        try:
            yield made
        finally:
            await made.close()

    async def base(self, client: Registry) -> Base:
        raw = tar(PYTHON, links={"usr/bin/python3": "python3.11"})
        layer = images.Blob(media_type=images.OCI.gzip, content=gzip.compress(raw, mtime=0), diff_id=images.sha256(raw))
        name = f"{self.name}/python:1"
        await images.put(client, parse(name), layers=[layer])
        (base,) = await resolve(client, name)
        return base

    async def packaged(self, client: Registry, base: Base, *lines: str, settings: Settings | None = None) -> Base:
        return await with_packages(
            base,
            lines or ("--no-index --find-links wheels metrics",),
            registry=client,
            into=self.into,
            settings=settings or self.settings,
            tell=self.told.append,
            folder=self.root,
        )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    wheel(tmp_path / "wheels", "metrics", needs=["numpy", "six"])
    wheel(tmp_path / "wheels", "six")
    return tmp_path


@pytest.mark.parametrize("kind", ["open", "htpasswd", "token", "tls"])
async def test_packages_are_made_once_and_found_by_another_client(
    kind: str, registries: Registries, root: Path
) -> None:
    place = Place(getattr(registries, kind)(), root)
    async with place.client() as client:
        base = await place.base(client)
        made = await place.packaged(client, base)
        assert "Added packages: metrics 1.0, six 1.0." in [n.text for n in place.told if isinstance(n, Notice)]
    place.told.clear()
    async with place.client() as other:
        elsewhere = replace(place.settings, home=root / "elsewhere")
        found = await place.packaged(other, base, settings=elsewhere)
        names = await _files(other, found)
    assert (found.digest, place.told) == (made.digest, [])
    assert {"ciao/code/site/metrics/__init__.py", "ciao/code/site/six/__init__.py"} < names
    assert not any("numpy" in name for name in names)


async def test_a_cell_on_packages_that_are_there_asks_one_question_more(registries: Registries, root: Path) -> None:
    local = registries.open()
    place = Place(local, root)
    async with place.client() as client:
        base = await place.base(client)
        await place.packaged(client, base)
        await place.packaged(client, base)
        before = len(local.asked)
        await place.packaged(client, base)
        (asked,) = local.asked[before:]
    assert asked.startswith("HEAD /v2/")
    assert asked.endswith(" 200")


async def test_a_cut_in_the_middle_leaves_no_name_and_the_next_try_makes_it(registries: Registries, root: Path) -> None:
    place = Place(registries.open(), root)
    pushing = asyncio.Event()

    def tell(one: Packing | Notice) -> None:
        if isinstance(one, Packing) and one.step == "pushing the packages":
            pushing.set()

    async with place.client() as client:
        base = await place.base(client)
        lines = ("--no-index --find-links wheels metrics",)
        more = {"registry": client, "into": place.into, "settings": place.settings, "folder": root}
        making = asyncio.ensure_future(with_packages(base, lines, tell=tell, **more))  # type: ignore[arg-type]  # theirs
        await pushing.wait()
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert await cached_packages(base, lines, **more) is None  # type: ignore[arg-type]  # theirs
        assert (await place.packaged(client, base)).packages


async def test_a_password_of_an_index_is_nowhere_in_what_is_pushed(registries: Registries, root: Path) -> None:
    local, password = registries.open(), secrets.token_urlsafe()
    place = Place(local, root)
    line = f"--no-index --find-links wheels --extra-index-url https://me:{password}@pkgs.example/simple metrics"
    async with place.client() as client:
        made = await place.packaged(client, await place.base(client), line)
        assert password not in json.dumps([dict(made.config), dict(made.manifest)])
        blob = await client.blob(made.reference, made.blobs[-1].digest, most=10**7)
    assert password.encode() not in gzip.decompress(blob)
    assert password not in "".join(map(str, place.told))
    assert not any(password.encode() in p.read_bytes() for p in (root / "home").rglob("*") if p.is_file())


async def test_a_package_of_the_world_brings_only_what_the_base_lacks(registries: Registries, root: Path) -> None:
    place = Place(registries.open(), root)
    async with place.client() as client:
        made = await place.packaged(client, await place.base(client), "einops==0.8.0")
        names = await _files(client, made)
        lock = await _text(client, made, "ciao/code/site/ciao-requirements.lock")
    assert {n.split("/")[3] for n in names} == {"einops", "einops-0.8.0.dist-info", "ciao-requirements.lock"}
    assert lock.startswith("einops==0.8.0 \\\n    --hash=sha256:")
    assert sys.executable not in lock


async def test_a_registry_that_does_not_let_in_is_told_before_anything_is_installed(
    registries: Registries, root: Path
) -> None:
    place = Place(registries.htpasswd(), root)
    async with place.client() as client:
        base = await place.base(client)
    stranger = Client(replace(place.settings, s2i_username="me", s2i_password="wrong"), environ={})
    with pytest.raises(BundleError):
        await place.packaged(stranger, base)
    await stranger.close()
    assert place.told == []


async def _layer(client: Registry, base: Base) -> tarfile.TarFile:
    raw = await client.blob(base.reference, base.blobs[-1].digest, most=10**7)
    return tarfile.open(fileobj=BytesIO(raw), mode="r:gz")


async def _files(client: Registry, base: Base) -> set[str]:
    with await _layer(client, base) as file:
        return {one.name for one in file if one.isfile()}


async def _text(client: Registry, base: Base, path: str) -> str:
    with await _layer(client, base) as file:
        found = file.extractfile(path)
        assert found
        return found.read().decode()
