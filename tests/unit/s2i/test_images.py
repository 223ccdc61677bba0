"""What was pushed: listed with what it is, and removed only if nobody needs it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.model import Role, Target
from ciao.s2i.append import Append
from ciao.s2i.bases import resolve
from ciao.s2i.documents import DOCKER, Family
from ciao.s2i.images import Pushed, delete, outdated, pushed
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
from ciao.s2i.oci import appended
from ciao.s2i.pushing import push
from ciao.s2i.uses import Uses
from ciao.settings import Settings
from fakes import images
from fakes.asked import job, spec
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"
OURS = at("registry.example/team/ciao")


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, s2i_registry="registry.example/team")


async def cell(registry: FakeRegistry, settings: Settings, code: str = "print(1)", **target: Any) -> str:
    """An image of a cell; its digest."""
    if ("registry.example", "team/python", "1") not in registry.tagged:
        await images.put(registry, at(BASE))
    of, goes = spec(code=code), Target(images={Role.WORKER: BASE}, **target)
    bundle = await Append(settings, registry).build(of, job(of), goes, print)
    return bundle.images[BASE].partition("@")[2]


async def packages(registry: FakeRegistry) -> str:
    (base,) = await resolve(registry, BASE)
    layer = pack([Entry(path="ciao/code/site/einops.py", source=b"#" * 1000)], compress=True)
    about = {"dev.ciao.requirements.key": "0123", "dev.ciao.requirements.added": '{"einops": "0.8.1"}'}
    image = appended(base, [layer], about=about)
    await push(image, registry=registry, into=replace(OURS, tag="packages-0123"), tell=print)
    return image.descriptor.digest


async def listed(registry: FakeRegistry, home: Path, **jobs: tuple[str, ...]) -> tuple[Pushed, ...]:
    named = {f"mirror.example/ciao@sha256:{digest}": names for digest, names in jobs.items()}
    return await pushed(registry, OURS, uses=Uses(home), jobs=named)


def used(home: Path, digest: str, when: float) -> None:
    os.utime(home / "images" / digest.removeprefix("sha256:"), (when, when))


@pytest.mark.parametrize("family", [images.OCI, DOCKER])
async def test_a_cells_image_is_told_with_its_file_its_size_and_its_last_use(
    registry: FakeRegistry, settings: Settings, family: Family
) -> None:
    await images.put(registry, at(BASE), family=family)
    digest = await cell(registry, settings)
    used(settings.home, digest, 1000)
    (one,) = await listed(registry, settings.home)
    assert (one.digest, one.kind, one.title, one.used) == (digest, "cell", "cell_7.py", 1000)
    assert one.tags == (f"cell-{digest[7:19]}",)
    assert 50_000 < one.size < 200_000  # the runner is in it


async def test_packages_are_told_by_what_they_are(registry: FakeRegistry, settings: Settings) -> None:
    await cell(registry, settings)
    digest = await packages(registry)
    found = await listed(registry, settings.home)
    assert [(one.kind, one.title) for one in found if one.digest == digest] == [("packages", "einops 0.8.1")]


async def test_jobs_are_found_by_digest_whatever_the_nodes_call_the_registry(
    registry: FakeRegistry, settings: Settings
) -> None:
    digest = await cell(registry, settings)
    (one,) = await listed(registry, settings.home, **{digest.removeprefix("sha256:"): ("torch-b", "torch-a")})
    assert one.jobs == ("torch-a", "torch-b")


async def test_an_index_is_one_image_and_a_job_may_name_any_part_of_it(
    registry: FakeRegistry, settings: Settings
) -> None:
    await images.put_index(registry, at(BASE), ["linux/amd64", "linux/arm64"])
    digest = await cell(registry, settings, platforms=("linux/amd64", "linux/arm64"))
    (one,) = await listed(registry, settings.home)
    assert (one.digest, len(one.parts), one.title) == (digest, 2, "cell_7.py")
    (one,) = await listed(registry, settings.home, **{one.parts[1].removeprefix("sha256:"): ("torch-a",)})
    assert one.jobs == ("torch-a",)


async def test_what_others_put_into_the_repository_is_left_alone(registry: FakeRegistry, settings: Settings) -> None:
    await cell(registry, settings)
    await images.put(registry, replace(OURS, tag="latest"))
    assert [one.kind for one in await listed(registry, settings.home)] == ["cell"]


async def test_the_last_used_comes_first_and_the_unknown_last(registry: FakeRegistry, settings: Settings) -> None:
    digests = [await cell(registry, settings, code=f"print({number})") for number in range(3)]
    used(settings.home, digests[0], 1000)
    used(settings.home, digests[1], 2000)
    Uses(settings.home).forget(digests[2])
    assert [one.digest for one in await listed(registry, settings.home)] == [digests[1], digests[0], digests[2]]


def test_only_what_is_old_known_and_needed_by_nobody_is_outdated() -> None:
    def one(digest: str, used: float | None, *jobs: str) -> Pushed:
        return Pushed(digest=digest, tags=(), kind="cell", title="", size=1, used=used, jobs=jobs)

    every = [one("old", 10), one("new", 30), one("busy", 10, "job"), one("strange", None), one("both", None, "job")]
    assert [found.digest for found in outdated(every, before=20)] == ["old"]
    assert [found.digest for found in outdated(every, before=20, unknown=True)] == ["old", "strange"]


async def test_an_index_goes_with_its_parts_but_not_with_what_another_needs(
    registry: FakeRegistry, settings: Settings
) -> None:
    await images.put_index(registry, at(BASE), ["linux/amd64", "linux/arm64"])
    await cell(registry, settings, platforms=("linux/amd64", "linux/arm64"))
    (one,) = await listed(registry, settings.home)
    uses = Uses(settings.home)
    await delete(registry, OURS, one, uses=uses, kept={one.parts[0]})
    assert {digest for _, repository, digest in registry.manifests if repository == "team/ciao"} == {one.parts[0]}
    assert uses.last(one.digest) is None


async def test_an_image_that_goes_while_it_is_listed_is_not_listed(registry: FakeRegistry, settings: Settings) -> None:
    digest = await cell(registry, settings)
    registry.manifests.pop((OURS.host, OURS.repository, digest))
    assert await listed(registry, settings.home) == ()


async def test_where_nothing_was_pushed_there_is_nothing(registry: FakeRegistry, tmp_path: Path) -> None:
    assert await listed(registry, tmp_path) == ()
