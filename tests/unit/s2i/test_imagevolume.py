"""imagevolume: the code alone as an image, whatever it will be mounted over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import Mounted, Role, Target
from ciao.s2i.documents import OCI
from ciao.s2i.imagevolume import ImageVolume
from ciao.settings import Settings
from fakes.asked import job, spec
from fakes.registry import FakeRegistry, at

OURS = at("registry.example/team/ciao")
TARGET = Target(images={Role.WORKER: "unreachable.example/base:1"}, platforms=("linux/amd64",))


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, s2i_registry="registry.example/team")


async def build(registry: FakeRegistry, settings: Settings, target: Target = TARGET, **asked: Any) -> Mounted:
    of = spec(**asked)
    return await ImageVolume(settings, registry).build(of, job(of), target, print)


def pushed(registry: FakeRegistry, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(registry.manifests[OURS.host, OURS.repository, image.partition("@")[2]].raw)
    return found


async def test_the_image_has_the_code_and_nothing_else(registry: FakeRegistry, settings: Settings) -> None:
    bundle = await build(registry, settings)
    manifest = pushed(registry, bundle.image)
    assert len(manifest["layers"]) == 1
    assert bundle.image.startswith("registry.example/team/ciao@sha256:")
    assert (bundle.entry, bundle.subpath, bundle.strategy) == ("cell_7.py", "ciao/code", "imagevolume")


async def test_no_base_is_looked_at_and_five_requests_are_enough(registry: FakeRegistry, settings: Settings) -> None:
    await build(registry, settings)
    assert sorted(registry.forget()) == ["POST blob", "POST blob", "PUT blob", "PUT blob", "PUT manifest"]
    await build(registry, settings)
    assert registry.forget() == ["HEAD manifest"]


async def test_it_is_for_every_platform_of_the_nodes_with_one_layer(registry: FakeRegistry, settings: Settings) -> None:
    bundle = await build(registry, settings, replace(TARGET, platforms=("linux/amd64", "linux/arm64", "linux/x86_64")))
    index = pushed(registry, bundle.image)
    assert index["mediaType"] == OCI.index
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    children = [pushed(registry, f"@{entry['digest']}") for entry in index["manifests"]]
    assert children[0]["layers"] == children[1]["layers"]


async def test_the_platforms_that_are_set_go_first_and_one_is_taken_where_none_is_known(
    registry: FakeRegistry, settings: Settings
) -> None:
    async def architecture(settings: Settings, *nodes: str) -> str:
        bundle = await build(registry, settings, replace(TARGET, platforms=nodes))
        config = pushed(registry, bundle.image)["config"]["digest"]
        return str(json.loads(registry.blobs[OURS.host, OURS.repository, config])["architecture"])

    assert await architecture(replace(settings, s2i_platforms=("linux/arm64",)), "linux/amd64") == "arm64"
    assert await architecture(settings) == "amd64"


async def test_a_plan_names_the_image_that_will_be_built_and_asks_nobody(
    registry: FakeRegistry, settings: Settings
) -> None:
    planned = await ImageVolume(settings, registry).plan(spec(), TARGET)
    assert registry.forget() == []
    assert planned == await build(registry, settings)


async def test_without_a_registry_it_is_told(registry: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no registry is set"):
        await build(registry, Settings(home=tmp_path))


async def test_packages_are_for_one_base_and_another_way_is_named_for_two(
    registry: FakeRegistry, settings: Settings
) -> None:
    two = replace(TARGET, images={Role.MASTER: "a.example/base:1", Role.WORKER: "b.example/base:1"})
    with pytest.raises(BundleError, match=r"the replicas have a\.example/base:1, b\.example/base:1") as caught:
        await build(registry, settings, two, packages=("einops",))
    assert "%s2i=append" in caught.value.hint


async def test_packages_for_a_base_that_cannot_be_read_are_told(registry: FakeRegistry, settings: Settings) -> None:
    with pytest.raises(
        BundleError, match=r"for the Python of the base image, which cannot be read from here: there is"
    ):
        await build(registry, settings, packages=("einops",))
