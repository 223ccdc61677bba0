"""append: one layer on a base, with few requests, pinned, and never half of it."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError, RegistryMissing
from ciao.model import JobSpec, Notice, Packing, Pinned, Role, Target
from ciao.s2i import bases
from ciao.s2i.append import Append
from ciao.s2i.base import Tell
from ciao.s2i.documents import DOCKER, OCI
from ciao.s2i.registry.base import Descriptor, Document, Reference
from ciao.s2i.registry.errors import BlobUnknown
from ciao.settings import Settings
from fakes import images
from fakes.asked import job, spec
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"
ELSEWHERE = "elsewhere.example/python:1"
OURS = at("registry.example/team/ciao")
TARGET = Target(images={Role.WORKER: BASE}, platforms=("linux/amd64",), namespace="team")
FIVE = ["POST blob", "PUT blob", "POST blob", "PUT blob", "PUT manifest"]


@pytest.fixture
async def registry() -> FakeRegistry:
    registry = FakeRegistry()
    for name in (BASE, ELSEWHERE):
        await images.put(registry, at(name))
    registry.known.clear()
    registry.forget()
    return registry


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, s2i_registry="registry.example/team")


async def build(
    registry: FakeRegistry, settings: Settings, of: JobSpec, target: Target = TARGET, tell: Tell = print
) -> Pinned:
    return await Append(settings, registry).build(of, job(of), target, tell)


def pushed(registry: FakeRegistry, image: str) -> Document:
    name, _, digest = image.partition("@")
    place = at(name)
    return registry.manifests[place.host, place.repository, digest]


def parts(registry: FakeRegistry, image: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """Manifest, config, and the files of the last layer."""
    manifest = json.loads(pushed(registry, image).raw)
    config = json.loads(registry.blobs[OURS.host, OURS.repository, manifest["config"]["digest"]])
    blob = registry.blobs[OURS.host, OURS.repository, manifest["layers"][-1]["digest"]]
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        files = {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}
    return manifest, config, files


async def test_the_code_is_in_the_image_byte_for_byte_with_the_runner_beside_it(
    registry: FakeRegistry, settings: Settings
) -> None:
    bundle = await build(registry, settings, spec(code="print('é')\r\n\n"))
    manifest, config, files = parts(registry, bundle.images[BASE])
    assert files[f"ciao/code/{bundle.entry}"] == "print('é')\r\n\n".encode()
    assert "ciao/code/ciao_runner/__main__.py" in files
    assert all(path.startswith("ciao/code/") for path in files)
    assert config["config"]["Entrypoint"] == [
        "python3",
        "/ciao/code/ciao_runner/__main__.py",
        "init",
        "/ciao/code/cell_7.py",
    ]
    assert len(manifest["layers"]) == 2


async def test_the_bundle_names_the_image_by_digest_as_the_nodes_pull_it(
    registry: FakeRegistry, settings: Settings
) -> None:
    nodes = replace(settings, s2i_pull="mirror.example:5000/x")
    bundle = await build(registry, nodes, spec())
    assert bundle.images[BASE].startswith("mirror.example:5000/x/ciao@sha256:")
    assert (bundle.entry, bundle.strategy, bundle.users) == ("cell_7.py", "append", {BASE: 1001})


async def test_each_image_has_a_tag_of_its_own_that_follows_from_its_content(
    registry: FakeRegistry, settings: Settings
) -> None:
    bundles = [await build(registry, settings, spec(code=code)) for code in ("print(1)", "print(2)", "print(1)")]
    digests = [bundle.images[BASE].partition("@")[2] for bundle in bundles]
    assert digests[0] == digests[2] != digests[1]
    ours = {tag: digest for (_, repository, tag), digest in registry.tagged.items() if repository == "team/ciao"}
    assert ours == {f"cell-{digest[7:19]}": digest for digest in digests}


async def test_the_first_build_asks_for_base_and_mounts_it(registry: FakeRegistry, settings: Settings) -> None:
    await build(registry, settings, spec())
    requests = registry.forget()
    assert requests[:3] == ["HEAD manifest", "GET manifest", "GET blob"]
    assert sorted(requests[3:-1]) == ["POST blob", "POST blob", "POST mount", "PUT blob", "PUT blob"]
    assert requests[-1] == "PUT manifest"


async def test_changed_code_is_five_requests_and_one_for_the_tag_of_the_base(
    registry: FakeRegistry, settings: Settings
) -> None:
    await build(registry, settings, spec())
    registry.forget()
    await build(registry, settings, spec(code="print(2)"))
    assert sorted(registry.forget()) == ["HEAD manifest", *sorted(FIVE)]


async def test_a_base_by_digest_spares_the_question_for_its_tag(registry: FakeRegistry, settings: Settings) -> None:
    name = f"registry.example/team/python@{registry.tagged['registry.example', 'team/python', '1']}"
    target = replace(TARGET, images={Role.WORKER: name})
    await build(registry, settings, spec(), target)
    registry.forget()
    await build(registry, settings, spec(code="print(2)"), target)
    assert sorted(registry.forget()) == sorted(FIVE)
    await build(registry, settings, spec(code="print(2)"), target)
    assert registry.forget() == ["HEAD manifest"]  # unchanged code: one question, whether it is there


async def test_an_image_that_was_deleted_meanwhile_is_pushed_again(registry: FakeRegistry, settings: Settings) -> None:
    image = (await build(registry, settings, spec())).images[BASE]
    await registry.delete(replace(OURS, digest=image.partition("@")[2]))
    assert (await build(registry, settings, spec())).images[BASE] == image
    assert pushed(registry, image)


class Interrupted(FakeRegistry):
    """The user interrupts while a request, counted from 1, is on its way."""

    stop = 0

    async def asked(self, request: str) -> None:
        if len(self.requests) + 1 == self.stop:
            self.task.cancel()
        await super().asked(request)

    async def run(self, settings: Settings) -> None:
        self.task = asyncio.ensure_future(build(self, settings, spec()))
        await self.task


@pytest.mark.parametrize("stop", range(1, 10))
async def test_nothing_half_pushed_is_named_whenever_it_is_interrupted(stop: int, settings: Settings) -> None:
    registry = Interrupted()
    await images.put(registry, at(BASE))
    registry.known.clear()
    registry.forget()
    registry.stop = stop
    with pytest.raises(asyncio.CancelledError):
        await registry.run(settings)
    assert len(registry.requests) >= stop
    assert not [key for key in registry.manifests if key[1] == "team/ciao"]


async def test_blobs_that_were_collected_as_garbage_are_pushed_again_once(
    registry: FakeRegistry, settings: Settings
) -> None:
    await build(registry, settings, spec())
    registry.collect(OURS)
    registry.forget()
    bundle = await build(registry, settings, spec(code="print(2)"))
    assert registry.forget().count("PUT manifest") == 2
    parts(registry, bundle.images[BASE])


async def test_a_registry_that_loses_blobs_again_and_again_is_believed_the_second_time(settings: Settings) -> None:
    class Forgetful(FakeRegistry):
        async def push_manifest(self, name: Reference, media_type: str, raw: bytes) -> Descriptor:
            if name.repository == "team/ciao":
                self.collect(name)
            return await super().push_manifest(name, media_type, raw)

    registry = Forgetful()
    await images.put(registry, at(BASE))
    registry.known.clear()
    with pytest.raises(BlobUnknown):
        await build(registry, settings, spec())
    assert registry.requests.count("PUT manifest") == 3  # that of the base is the first


async def test_a_base_in_another_registry_is_copied_once_and_told_in_bytes(
    registry: FakeRegistry, settings: Settings
) -> None:
    told: list[Packing | Notice] = []
    target = replace(TARGET, images={Role.WORKER: ELSEWHERE})
    await build(registry, settings, spec(), target, told.append)
    size = images.layer().descriptor.size
    copying = [news for news in told if isinstance(news, Packing) and news.step == f"copying {ELSEWHERE}"]
    assert copying[-1] == Packing(step=f"copying {ELSEWHERE}", done=size, total=size)
    told.clear()
    await build(registry, settings, spec(code="print(2)"), target, told.append)
    assert not [news for news in told if isinstance(news, Packing) and news.step.startswith("copying")]


async def test_the_pushing_of_the_code_is_told_in_bytes(registry: FakeRegistry, settings: Settings) -> None:
    told: list[Packing | Notice] = []
    bundle = await build(registry, settings, spec(), tell=told.append)
    size = parts(registry, bundle.images[BASE])[0]["layers"][-1]["size"]
    assert Packing(step="pushing the code", done=size, total=size) in told


async def test_every_base_of_a_job_has_its_image_with_the_same_layer(
    registry: FakeRegistry, settings: Settings
) -> None:
    target = replace(TARGET, images={Role.MASTER: ELSEWHERE, Role.WORKER: BASE, Role.PS: BASE})
    bundle = await build(registry, settings, spec(), target)
    assert set(bundle.images) == {ELSEWHERE, BASE}
    layers = {parts(registry, image)[0]["layers"][-1]["digest"] for image in bundle.images.values()}
    assert len(layers) == 1


async def test_for_several_platforms_an_index_is_pushed_and_the_layer_shared(
    registry: FakeRegistry, settings: Settings
) -> None:
    await images.put_index(registry, at(BASE), ["linux/amd64", "linux/arm64", "linux/s390x"], attested=True)
    registry.known.clear()
    bundle = await build(registry, settings, spec(), replace(TARGET, platforms=("linux/amd64", "linux/arm64")))
    index = pushed(registry, bundle.images[BASE])
    entries = json.loads(index.raw)["manifests"]
    assert index.media_type == OCI.index
    assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64"]
    children = [f"{OURS}@{entry['digest']}" for entry in entries]
    assert len({parts(registry, child)[0]["layers"][-1]["digest"] for child in children}) == 1
    tagged = {digest for (_, repository, _), digest in registry.tagged.items() if repository == "team/ciao"}
    assert tagged == {index.digest, *(entry["digest"] for entry in entries)}  # what has no tag may be collected


async def test_an_image_of_docker_becomes_an_image_of_docker(registry: FakeRegistry, settings: Settings) -> None:
    await images.put(registry, at(BASE), family=DOCKER)
    bundle = await build(registry, settings, spec())
    assert pushed(registry, bundle.images[BASE]).media_type == DOCKER.manifest


async def test_foreign_layers_are_named_and_not_pushed(registry: FakeRegistry, settings: Settings) -> None:
    nondistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    foreign = replace(images.layer(), media_type=nondistributable, urls=("https://elsewhere.example/1",))
    layers = [foreign, images.layer(OCI, "etc/hosts")]
    await images.put(registry, at(BASE), layers=layers, settings=images.config(layers))
    bundle = await build(registry, settings, spec())
    assert json.loads(pushed(registry, bundle.images[BASE]).raw)["layers"][0] == foreign.entry()
    assert (OURS.host, OURS.repository, foreign.descriptor.digest) not in registry.blobs


async def test_a_plan_names_the_image_that_will_be_built_and_pushes_nothing(
    registry: FakeRegistry, settings: Settings
) -> None:
    of = spec()
    planned = await Append(settings, registry).plan(of, TARGET)
    assert {request.split()[0] for request in registry.forget()} == {"HEAD", "GET"}
    assert planned == await build(registry, settings, of)


async def test_a_job_whose_images_are_not_known_is_told(registry: FakeRegistry, settings: Settings) -> None:
    with pytest.raises(BundleError, match="not known which image") as caught:
        await build(registry, settings, spec(), Target())
    assert caught.value.hint == "Name it with %image=, or set images.FRAMEWORK, such as images.pytorch"


async def test_without_a_registry_it_is_told_before_anything_is_asked(registry: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(
        RegistryMissing, match=r"no registry is set. Set s2i.registry in ~/.ciao/config.yaml, or CIAO_S2I_REG"
    ):
        await build(registry, Settings(home=tmp_path), spec())
    assert registry.forget() == []


async def test_an_error_in_one_of_several_transfers_is_that_error(registry: FakeRegistry, settings: Settings) -> None:
    class Refusing(FakeRegistry):
        async def push_blob(self, name: Reference, blob: Descriptor, content: bytes | Path, **_: Any) -> None:
            raise BundleError(f"{name.host} is full")

    refusing = Refusing()
    refusing.__dict__.update(registry.__dict__)
    with pytest.raises(BundleError, match=r"registry\.example is full"):
        await build(refusing, settings, spec())


async def test_unchanged_code_is_one_question_in_the_next_kernel_too(
    registry: FakeRegistry, settings: Settings
) -> None:
    await build(registry, settings, spec())
    next_kernel = FakeRegistry()
    vars(next_kernel).update(vars(registry) | {"known": set(), "requests": []})
    await build(next_kernel, settings, spec())
    assert next_kernel.forget() == ["HEAD manifest", "GET manifest", "GET blob", "HEAD manifest"]


def test_what_is_known_of_a_registry_goes_with_it(settings: Settings) -> None:
    async def use() -> None:
        registry = FakeRegistry()
        await images.put(registry, at(BASE))
        await build(registry, settings, spec())
        assert registry in bases._documents

    asyncio.run(use())
    gc.collect()
    assert not any(name.host == "registry.example" for known in bases._documents.values() for name in known)
