"""``ciao images`` on a real registry: what it lists, and what is left of what it removes."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Role, Target
from ciao.s2i.append import Append
from ciao.s2i.images import delete, outdated, pushed
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse, repository
from ciao.s2i.uses import Uses
from fakes import images
from fakes.asked import job, spec
from registries import Local, Registries

pytestmark = pytest.mark.registry


class Place:
    """A repository with an image of a cell for each platform of two, which was used a month ago."""

    def __init__(self, local: Local, home: Path, name: str) -> None:
        self.settings = local.settings(home=home, s2i_registry=f"{local.address}/{name}")
        self.client = Client(self.settings, environ={})
        self.ours = repository(self.settings)
        self.uses = Uses(home)

    async def cell(self, code: str) -> str:
        base = f"{self.ours.host}/{self.ours.repository}-base:1"
        await images.put_index(self.client, parse(base), ["linux/amd64", "linux/arm64"])
        target = Target(images={Role.WORKER: base}, platforms=("linux/amd64", "linux/arm64"))
        of = spec(code=code)
        bundle = await Append(self.settings, self.client).build(of, job(of), target, print)
        return bundle.images[base].partition("@")[2]

    def used(self, digest: str, *, days: float) -> None:
        when = time.time() - days * 86400
        os.utime(self.settings.home / "images" / digest[7:], (when, when))


@pytest.fixture
async def place(registries: Registries, tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(registries.open(), tmp_path, f"images-{tmp_path.name.replace('_', '-')}")
    yield place
    await place.client.close()


async def test_an_old_image_goes_with_its_tags_and_the_new_one_stays(place: Place) -> None:
    old, new = [await place.cell(code) for code in ("print(1)", "print(2)")]
    place.used(old, days=30)
    found = await pushed(place.client, place.ours, uses=place.uses, jobs={})
    assert [one.digest for one in found] == [new, old]
    (one,) = outdated(found, before=time.time() - 14 * 86400)
    await delete(place.client, place.ours, one, uses=place.uses)
    assert await place.client.find(replace(place.ours, digest=old)) is None
    assert [left.digest for left in await pushed(place.client, place.ours, uses=place.uses, jobs={})] == [new]
    assert len(await place.client.tags(place.ours)) == 3  # of the index, and of its two images


async def test_a_registry_that_lets_nobody_delete_is_told_with_what_its_operator_can_do(
    registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_STORAGE_DELETE_ENABLED", "false")
    place = Place(registries._serve("undeletable"), tmp_path, "team")
    async with place.client:
        await place.cell("print(1)")
        (one,) = await pushed(place.client, place.ours, uses=place.uses, jobs={})
        with pytest.raises(BundleError, match="does not allow that images are deleted") as caught:
            await delete(place.client, place.ours, one, uses=place.uses)
        assert "administrator" in caught.value.hint
        assert await place.client.find(replace(place.ours, digest=one.digest))
        assert place.uses.last(one.digest)
