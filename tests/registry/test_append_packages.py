"""Packages below the code, and beside it: as the strategies put them together, on a real registry."""

from __future__ import annotations

import gzip
import io
import json
import secrets
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ciao.model import JobSpec, Mounted, Notice, Packing, Pinned, Role, Target
from ciao.s2i.append import Append
from ciao.s2i.imagevolume import ImageVolume
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse, repository
from fakes import images
from fakes.asked import job, spec
from fakes.tars import tar
from fakes.wheels import wheel
from registries import Registries

pytestmark = pytest.mark.registry

PYTHON = {"usr/bin/python3.11": "", "lib/libc.so.6": "GNU C Library stable release version 2.36."}
LINES = ("--no-index --find-links wheels metrics",)


class Place:
    """A registry with a base that has a Python, and the folder of a notebook with wheels in it."""

    def __init__(self, registries: Registries, home: Path) -> None:
        self.local = registries.open()
        self.settings = self.local.settings(home=home, s2i_registry=f"{self.local.address}/{secrets.token_hex(4)}")
        self.client = Client(self.settings, environ={})
        self.base = f"{self.settings.s2i_registry}/python:1"
        self.target = Target(images={Role.WORKER: self.base})
        self.told: list[Packing | Notice] = []

    async def appended(self, of: JobSpec) -> Pinned:
        return await Append(self.settings, self.client).build(of, job(of), self.target, self.told.append)

    async def mounted(self, of: JobSpec) -> Mounted:
        return await ImageVolume(self.settings, self.client).build(of, job(of), self.target, self.told.append)

    async def files(self, image: str) -> list[set[str]]:
        """Of each layer."""
        at = parse(image)
        manifest = json.loads((await self.client.manifest(at)).raw)
        found = []
        for layer in manifest["layers"]:
            blob = await self.client.blob(at, layer["digest"], most=10**7)
            with tarfile.open(fileobj=io.BytesIO(blob)) as file:
                found.append({member.name for member in file if member.isfile()})
        return found

    async def asked(self, of: JobSpec) -> list[str]:
        before = len(self.local.asked)
        await self.appended(of)
        return sorted(line.split()[0] for line in self.local.asked[before:])


@pytest.fixture
async def place(registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    wheel(tmp_path / "wheels", "metrics")
    place = Place(registries, tmp_path / "home")
    raw = tar(PYTHON, links={"usr/bin/python3": "python3.11"})
    layer = images.Blob(media_type=images.OCI.gzip, content=gzip.compress(raw, mtime=0), diff_id=images.sha256(raw))
    await images.put(place.client, parse(place.base), layers=[layer])
    yield place
    await place.client.close()


async def test_the_code_is_on_the_packages_and_these_are_on_the_base(place: Place) -> None:
    bundle = await place.appended(spec(packages=LINES))
    base, site, code = await place.files(bundle.images[place.base])
    assert base == set(PYTHON)
    assert "ciao/code/site/metrics/__init__.py" in site
    assert "ciao/code/cell_7.py" in code
    tags = await place.client.tags(repository(place.settings))
    assert f"packages-{bundle.packages}" in tags


async def test_an_edit_of_the_cell_asks_one_question_more_than_without_packages(place: Place) -> None:
    await place.appended(spec(packages=LINES))
    await place.appended(spec(code="print(2)", packages=LINES))
    assert await place.asked(spec(code="print(3)", packages=LINES)) == sorted(
        ["HEAD", "HEAD", "POST", "PUT", "POST", "PUT", "PUT"]  # the tag of the base, that of the packages, and five
    )


async def test_a_plan_does_not_install_and_names_the_image_once_the_packages_are_there(place: Place) -> None:
    of = spec(packages=LINES)
    planned = await Append(place.settings, place.client).plan(of, place.target)
    assert planned.images[place.base] == f"{repository(place.settings)}:planned"
    assert await place.client.tags(repository(place.settings)) == ()
    bundle = await place.appended(of)
    assert await Append(place.settings, place.client).plan(of, place.target) == bundle


async def test_an_image_volume_has_packages_and_code_and_no_base(place: Place) -> None:
    of = spec(packages=LINES)
    planned = await ImageVolume(place.settings, place.client).plan(of, place.target)
    bundle = await place.mounted(of)
    site, code = await place.files(bundle.image)
    assert planned.image.endswith(":planned")
    assert "ciao/code/site/metrics/__init__.py" in site
    assert "ciao/code/cell_7.py" in code
    assert any(isinstance(news, Notice) and "%s2i=append" in news.text for news in place.told)
    assert await ImageVolume(place.settings, place.client).plan(of, place.target) == bundle


async def test_an_edit_of_the_cell_installs_nothing_again(place: Place) -> None:
    await place.mounted(spec(packages=LINES))
    place.told.clear()
    first = await place.mounted(spec(code="print(2)", packages=LINES))
    assert not [news for news in place.told if isinstance(news, Packing) and "packages" in news.step]
    assert first.packages
