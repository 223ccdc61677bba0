"""Base images by name: a tag is asked for every time, a digest is known for ever, platforms are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing, Target
from ciao.s2i.bases import resolve, suited
from ciao.s2i.documents import DOCKER, OCI, Family
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.errors import Unreachable
from ciao.settings import Settings
from fakes import images
from fakes.registry import FakeRegistry, at

NAME = "registry.example/team/python:1"


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.mark.parametrize("family", [OCI, DOCKER])
async def test_an_image_is_found_by_its_tag_and_pinned_by_its_digest(registry: FakeRegistry, family: Family) -> None:
    pushed = await images.put(registry, at(NAME), family=family)
    (base,) = await resolve(registry, NAME)
    assert base.reference == replace(at(NAME), tag="", digest=pushed.digest)
    assert (base.name, base.platform, base.media_type) == (NAME, "linux/amd64", family.manifest)


async def test_a_tag_is_asked_for_every_time_and_the_rest_once(registry: FakeRegistry) -> None:
    await images.put(registry, at(NAME))
    registry.forget()
    await resolve(registry, NAME)
    assert registry.forget() == ["HEAD manifest", "GET manifest", "GET blob"]
    await resolve(registry, NAME)
    assert registry.forget() == ["HEAD manifest"]


async def test_a_tag_that_moved_is_the_new_image(registry: FakeRegistry) -> None:
    await images.put(registry, at(NAME))
    (before,) = await resolve(registry, NAME)
    await images.put(registry, at(NAME), layers=[images.layer(OCI, "usr/bin/python3.12")])
    (after,) = await resolve(registry, NAME)
    assert before.digest != after.digest


async def test_a_digest_is_asked_for_once(registry: FakeRegistry) -> None:
    pushed = await images.put(registry, at(NAME))
    name = f"registry.example/team/python@{pushed.digest}"
    await resolve(registry, name)
    registry.forget()
    assert (await resolve(registry, name))[0].digest == pushed.digest
    assert registry.forget() == []


async def test_an_image_of_two_names_has_the_name_that_was_asked_for(registry: FakeRegistry) -> None:
    pushed = await images.put(registry, at(NAME))
    names = [NAME, f"registry.example/team/python@{pushed.digest}", NAME]
    assert [(await resolve(registry, name))[0].name for name in names] == names


async def test_a_name_without_a_tag_is_the_latest(registry: FakeRegistry) -> None:
    pushed = await images.put(registry, at("registry.example/team/python:latest"))
    assert (await resolve(registry, "registry.example/team/python"))[0].digest == pushed.digest


async def test_an_image_that_is_not_there_is_named(registry: FakeRegistry) -> None:
    with pytest.raises(BundleError, match=f"there is no image {NAME}"):
        await resolve(registry, NAME)


async def test_of_an_index_the_platforms_of_the_nodes_are_taken(registry: FakeRegistry) -> None:
    there = await images.put_index(registry, at(NAME), ["linux/amd64", "linux/arm64", "linux/s390x"], attested=True)
    found = await resolve(registry, NAME, ["linux/arm64", "linux/amd64", "linux/arm64"])
    assert [base.digest for base in found] == [there["linux/arm64"].digest, there["linux/amd64"].digest]


async def test_of_an_index_it_is_linux_amd64_where_nobody_knows_the_nodes(registry: FakeRegistry) -> None:
    there = await images.put_index(registry, at(NAME), ["linux/arm64", "linux/amd64"], attested=True, family=DOCKER)
    assert [base.digest for base in await resolve(registry, NAME)] == [there["linux/amd64"].digest]


async def test_one_image_that_suits_several_nodes_is_there_once(registry: FakeRegistry) -> None:
    await images.put_index(registry, at(NAME), ["linux/arm/v6"])
    assert len(await resolve(registry, NAME, ["linux/arm/v6", "linux/arm/v7"])) == 1


async def test_an_index_with_one_image_need_not_say_for_what(registry: FakeRegistry) -> None:
    one = await images.put(registry, at(NAME))
    entry = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
    await images.put_raw(registry, at(NAME), OCI.index, {"schemaVersion": 2, "manifests": [entry]})
    assert [base.digest for base in await resolve(registry, NAME, ["linux/amd64"])] == [one.digest]


async def test_the_wrong_processor_is_told_with_what_there_is(registry: FakeRegistry) -> None:
    await images.put_index(registry, at(NAME), ["linux/arm64", "linux/s390x"])
    with pytest.raises(BundleError, match="is not made for linux/amd64: it is for linux/arm64, linux/s390x") as caught:
        await resolve(registry, NAME, ["linux/amd64"])
    assert "%image=" in caught.value.hint
    assert "s2i.platforms" in caught.value.hint
    layers = [images.layer()]
    await images.put(registry, at(NAME), layers=layers, settings=images.config(layers, platform="linux/arm64"))
    with pytest.raises(BundleError, match="is not made for linux/amd64: it is for linux/arm64"):
        await resolve(registry, NAME, ["linux/amd64"])


async def test_platforms_that_somebody_stated_must_all_be_there(registry: FakeRegistry) -> None:
    await images.put_index(registry, at(NAME), ["linux/amd64"])
    assert len(await resolve(registry, NAME, ["linux/amd64", "linux/arm64"])) == 1
    with pytest.raises(BundleError, match="is not made for linux/arm64: it is for linux/amd64"):
        await resolve(registry, NAME, ["linux/amd64", "linux/arm64"], every=True)


async def test_an_image_for_windows_is_refused(registry: FakeRegistry) -> None:
    layers = [images.layer()]
    await images.put(registry, at(NAME), layers=layers, settings=images.config(layers, platform="windows/amd64"))
    with pytest.raises(BundleError, match="is for windows/amd64, and replicas run on Linux"):
        await resolve(registry, NAME)


async def test_a_config_that_is_too_large_is_not_read(registry: FakeRegistry) -> None:
    huge = {"mediaType": OCI.config, "digest": "sha256:" + "0" * 64, "size": 4 * 1024**2 + 1}
    manifest = {"schemaVersion": 2, "mediaType": OCI.manifest, "config": huge, "layers": []}
    registry.blobs["registry.example", "team/python", str(huge["digest"])] = b""
    await images.put_raw(registry, at(NAME), OCI.manifest, manifest)
    with pytest.raises(BundleError, match="a config of 4,194,305 bytes; 4,194,304 are allowed"):
        await resolve(registry, NAME)


async def test_an_image_with_nothing_in_it_has_no_python(registry: FakeRegistry, tmp_path: Path) -> None:
    await images.put(registry, at(NAME), layers=[])
    with pytest.raises(BundleError, match="has nothing in it, and the code needs a Python"):
        await suited(registry, NAME, Target(), settings=Settings(home=tmp_path), tell=print)


async def test_nodes_that_the_base_does_not_run_on_are_told(registry: FakeRegistry, tmp_path: Path) -> None:
    await images.put(registry, at(NAME))
    told: list[Packing | Notice] = []
    nodes = Target(platforms=("linux/amd64", "linux/arm64"))
    await suited(registry, NAME, nodes, settings=Settings(home=tmp_path), tell=told.append)
    (notice,) = told
    assert isinstance(notice, Notice)
    assert notice.text.startswith(f"{NAME} is for linux/amd64, and some nodes are linux/arm64. ")


async def test_what_is_set_goes_before_what_the_nodes_are(registry: FakeRegistry, tmp_path: Path) -> None:
    await images.put_index(registry, at(NAME), ["linux/amd64", "linux/arm64"])
    settings = Settings(home=tmp_path, s2i_platforms=("linux/arm64",))
    found = await suited(
        registry, NAME, Target(platforms=("linux/arm64", "linux/amd64")), settings=settings, tell=print
    )
    assert [base.platform for base in found] == ["linux/arm64"]


class Away(FakeRegistry):
    async def find(self, name: Reference) -> Descriptor | None:
        raise Unreachable(f"the registry {name.host} speaks plain HTTP", hint="Add it")


@pytest.mark.parametrize(("own", "told"), [("push.example/team", True), ("registry.example/team", False)])
async def test_another_registry_than_that_of_the_settings_is_told_with_what_it_was_asked_for(
    tmp_path: Path,
    own: str,
    told: bool,  # noqa: FBT001  # a table's
) -> None:
    with pytest.raises(Unreachable) as caught:
        await suited(Away(), NAME, Target(), settings=Settings(home=tmp_path, s2i_registry=own), tell=print)
    assert caught.value.message.endswith(f", when asked for the base image {NAME}") is told
    assert caught.value.hint == "Add it"
