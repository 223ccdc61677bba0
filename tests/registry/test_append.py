"""append and imagevolume on real registries.

Which test shows which point of what is asked of images made here; those on the left that have no registry in them are
shown by unit tests.

===  ======================================================  =========================================================
 1   the digest follows from the content alone               test_two_clients_make_the_same_image, and test_layers.py
 2   pinned by digest, a base's tag asked for every time     test_a_tag_that_moved_gives_another_image
 3   one tag an image, which never moves                     test_each_image_keeps_its_tag
 9   a folder of our own, root's, readable by every user     test_the_layer_is_ours_alone
10   the base's user                                         test_the_base_stays_what_it_was
11   our entrypoint, the base's environment                  test_the_base_stays_what_it_was
12   limits; large layers go from a file                     test_a_large_layer_goes_from_a_file, and test_code.py
14   labels and annotations                                  test_where_it_comes_from_is_told
15   several platforms                                       test_an_index_of_the_nodes_platforms_is_pushed
16   families kept, zstd passed through, old formats told    test_families_are_kept, test_zstd_layers_are_passed_through
17   blobs lost, races, interrupts                           test_lost_blobs_are_pushed_again, test_two_at_once_are_one,
                                                             test_an_interrupt_leaves_nothing_that_is_named
===  ======================================================  =========================================================
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import tarfile
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import JobSpec, Notice, Packing, Pinned, Role, Target
from ciao.s2i import layers
from ciao.s2i.append import Append
from ciao.s2i.base import Tell
from ciao.s2i.documents import DOCKER, OCI, Family
from ciao.s2i.imagevolume import ImageVolume
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse, repository
from fakes import images
from fakes.asked import job, spec
from registries import Local, Registries

pytestmark = pytest.mark.registry

WARM = sorted(["POST 202", "PUT 201", "POST 202", "PUT 201", "PUT 201"])


class Place:
    """A registry, a client of it, and a repository with a base of this test's own."""

    def __init__(self, local: Local, home: Path, name: str) -> None:
        self.local = local
        self.settings = local.settings(home=home, s2i_registry=f"{local.address}/{name}")
        self.client = Client(self.settings, environ={})
        self.base = f"{local.address}/{name}/base:1"
        self.ours = repository(self.settings)

    async def build(self, of: JobSpec, target: Target | None = None, *, tell: Tell = print) -> Pinned:
        return await Append(self.settings, self.client).build(of, job(of), target or self.target(), tell)

    def target(self, *bases: str, platforms: tuple[str, ...] = ()) -> Target:
        return Target(images=dict(zip(Role, bases or (self.base,), strict=False)), platforms=platforms)

    async def image(self, name: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
        """Manifest, config and the bytes of the last layer, as any client finds them."""
        at = parse(name)
        manifest = json.loads((await self.client.manifest(at)).raw)
        config = json.loads(await self.client.blob(at, manifest["config"]["digest"], most=10**6))
        return manifest, config, await self.client.blob(at, manifest["layers"][-1]["digest"], most=10**8)

    def asked(self) -> list[str]:
        """The requests since the last time, without their paths."""
        seen = [f"{line.split()[0]} {line.split()[-1]}" for line in self.local.asked]
        before, self._seen = getattr(self, "_seen", 0), len(seen)
        return seen[before:]


Put = Callable[..., Any]


@pytest.fixture
async def place(registries: Registries, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    place = Place(registries.open(), tmp_path, f"t{abs(hash(request.node.name))}")
    await images.put(place.client, parse(place.base))
    yield place
    await place.client.close()


async def test_two_clients_make_the_same_image(place: Place, tmp_path: Path) -> None:
    async with Client(place.settings, environ={}) as other:
        first = await place.build(spec())
        second = await Append(place.settings, other).build(spec(), job(spec()), place.target(), print)
    assert first == second
    assert first.images[place.base].startswith(f"{place.ours}@sha256:")


async def test_the_first_image_reads_the_base_and_mounts_it(place: Place) -> None:
    async with Client(place.settings, environ={}) as fresh:
        place.asked()
        await Append(place.settings, fresh).build(spec(), job(spec()), place.target(), print)
    assert sorted(place.asked()) == sorted(["HEAD 200", "GET 200", "GET 200", "POST 201", *WARM])


async def test_changed_code_takes_five_requests_and_unchanged_code_one(place: Place) -> None:
    pushed = await place.client.find(parse(place.base))
    assert pushed
    pinned = place.target(f"{place.base.removesuffix(':1')}@{pushed.digest}")
    await place.build(spec(), pinned)
    place.asked()
    await place.build(spec(code="print(2)"), pinned)
    assert sorted(place.asked()) == WARM
    await place.build(spec(code="print(2)"), pinned)
    assert place.asked() == ["HEAD 200"]
    await place.build(spec(code="print(3)"), place.target())
    assert sorted(place.asked()) == ["HEAD 200", *WARM]  # a base by its tag is one question more


async def test_a_tag_that_moved_gives_another_image(place: Place) -> None:
    before = await place.build(spec())
    await images.put(place.client, parse(place.base), layers=[images.layer(OCI, "usr/bin/python3.12")])
    after = await place.build(spec())
    assert before.images != after.images


async def test_each_image_keeps_its_tag(place: Place) -> None:
    digests = set()
    for code in ("print(1)", "print(2)", "print(1)"):
        bundle = await place.build(spec(code=code))
        digests.add(bundle.images[place.base].partition("@")[2])
    tags = await place.client.tags(place.ours)
    assert set(tags) == {f"cell-{digest[7:19]}" for digest in digests}
    found = [await place.client.find(replace(place.ours, tag=tag)) for tag in tags]
    assert {one.digest for one in found if one} == digests


async def test_the_layer_is_ours_alone(place: Place) -> None:
    *_, blob = await place.image((await place.build(spec())).images[place.base])
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        found = list(tar)
    assert {member.name.split("/")[0] for member in found} == {"ciao"}
    assert {(member.uid, member.gid) for member in found} == {(0, 0)}
    assert all(member.mode == (0o755 if member.isdir() else 0o644) for member in found)
    assert all(member.isdir() or member.isreg() for member in found)


async def test_the_base_stays_what_it_was(place: Place) -> None:
    _, config, _ = await place.image((await place.build(spec())).images[place.base])
    runs = config["config"]
    assert {key: runs[key] for key in ("User", "WorkingDir", "Env", "ExposedPorts", "Volumes")} == {
        key: images.RUNS[key] for key in ("User", "WorkingDir", "Env", "ExposedPorts", "Volumes")
    }
    assert runs["Entrypoint"] == ["python3", "/ciao/code/ciao_runner/__main__.py", "init", "/ciao/code/cell_7.py"]
    assert "Cmd" not in runs
    assert config["created"].startswith("2024-05-06")


async def test_a_large_layer_goes_from_a_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Packing | Notice] = []
    monkeypatch.setattr(layers, "IN_MEMORY", 64 * 1024)
    large = spec(code="#" * 2 * 1024**2)
    _, _, blob = await place.image((await place.build(large, tell=told.append)).images[place.base])
    pushing = [news for news in told if isinstance(news, Packing) and news.step == "pushing the code"]
    assert pushing[-1].done == pushing[-1].total == len(blob)
    assert any(isinstance(news, Notice) and "MiB" in news.text for news in told)


async def test_where_it_comes_from_is_told(place: Place) -> None:
    base = await place.client.find(parse(place.base))
    of = spec()
    manifest, config, _ = await place.image((await place.build(of)).images[place.base])
    assert base
    assert manifest["annotations"] | {"team": "vision"} == config["config"]["Labels"]
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == place.base
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == base.digest
    assert manifest["annotations"]["dev.ciao.code.sha256"] == of.code_hash


@pytest.mark.parametrize("family", [OCI, DOCKER])
async def test_an_index_of_the_nodes_platforms_is_pushed(place: Place, family: Family) -> None:
    await images.put_index(
        place.client, parse(place.base), ["linux/amd64", "linux/arm64", "linux/s390x"], family=family, attested=True
    )
    nodes = ("linux/amd64", "linux/arm64")
    name = (await place.build(spec(), place.target(platforms=nodes))).images[place.base]
    document = await place.client.manifest(parse(name))
    assert document.media_type == family.index
    entries = json.loads(document.raw)["manifests"]
    assert [f"{entry['platform']['os']}/{entry['platform']['architecture']}" for entry in entries] == list(nodes)
    for entry in entries:
        _, config, _ = await place.image(f"{place.ours}@{entry['digest']}")
        assert config["architecture"] == entry["platform"]["architecture"]


@pytest.mark.parametrize("family", [OCI, DOCKER])
async def test_families_are_kept(place: Place, family: Family) -> None:
    await images.put(place.client, parse(place.base), family=family)
    name = (await place.build(spec())).images[place.base]
    manifest, *_ = await place.image(name)
    assert (await place.client.manifest(parse(name))).media_type == family.manifest
    assert [layer["mediaType"] for layer in manifest["layers"]] == [family.gzip, family.tar]


async def test_zstd_layers_are_passed_through(place: Place) -> None:
    zstd = replace(images.layer(), media_type=OCI.tar + "+zstd", content=b"\x28\xb5\x2f\xfd not looked at")
    await images.put(place.client, parse(place.base), layers=[zstd], settings=images.config([zstd]))
    manifest, *_ = await place.image((await place.build(spec())).images[place.base])
    assert manifest["layers"][0] == zstd.entry()


async def test_lost_blobs_are_pushed_again(place: Place) -> None:
    first, *_ = await place.image((await place.build(spec())).images[place.base])
    place.local.link(place.ours.repository, first["layers"][0]["digest"]).unlink()
    place.asked()
    second = (await place.build(spec(code="print(2)"))).images[place.base]
    assert "PUT 400" in place.asked()
    assert len((await place.image(second))[0]["layers"]) == 2


async def test_an_image_that_was_deleted_is_pushed_again(place: Place) -> None:
    name = (await place.build(spec())).images[place.base]
    await place.client.delete(parse(name))
    assert (await place.build(spec())).images[place.base] == name
    assert await place.client.find(parse(name))


async def test_two_at_once_are_one(place: Place) -> None:
    bundles = await asyncio.gather(*(place.build(spec()) for _ in range(4)))
    assert len({bundle.images[place.base] for bundle in bundles}) == 1
    assert await place.client.find(parse(bundles[0].images[place.base]))


async def test_an_interrupt_leaves_nothing_that_is_named(place: Place) -> None:
    """In mid-push: while the layer is on its way, which is known from what is told of it."""
    started = asyncio.Event()

    def tell(news: Packing | Notice) -> None:
        if isinstance(news, Packing) and news.step == "pushing the code":
            started.set()

    task = asyncio.ensure_future(place.build(spec(code="#" * 8 * 1024**2), tell=tell))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await place.client.tags(place.ours)
    assert (await place.build(spec())).images  # and the client is as good as before


async def test_a_base_in_another_registry_is_copied_once(place: Place, registries: Registries, tmp_path: Path) -> None:
    there = registries.token()
    name = f"{there.address}/{place.ours.repository}/base:1"
    async with Client(there.settings(home=tmp_path), environ={}) as other:
        await images.put(other, parse(name))
    told: list[Packing | Notice] = []
    login = tmp_path / "auth.json"
    login.write_text(json.dumps({"auths": {there.address: {"username": there.user, "password": there.password}}}))
    await place.client.close()
    place.client = Client(place.settings, environ={"REGISTRY_AUTH_FILE": str(login)})
    bundle = await place.build(spec(), place.target(name), tell=told.append)
    size = images.layer().descriptor.size
    assert Packing(step=f"copying {name}", done=size, total=size) in told
    assert len((await place.image(bundle.images[name]))[0]["layers"]) == 2
    told.clear()
    await place.build(spec(code="print(2)"), place.target(name), tell=told.append)
    assert not any(isinstance(news, Packing) and news.step.startswith("copying") for news in told)


async def test_code_alone_is_an_image_to_mount(place: Place) -> None:
    of = spec()
    bundle = await ImageVolume(place.settings, place.client).build(of, job(of), place.target(), print)
    manifest, config, blob = await place.image(bundle.image)
    assert len(manifest["layers"]) == 1
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        assert f"{bundle.subpath}/{bundle.entry}" in tar.getnames()


@pytest.mark.parametrize("kind", ["htpasswd", "token", "tls", "proxied"])
async def test_it_works_with_every_kind_of_registry_and_shows_no_password(
    kind: str,
    registries: Registries,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    local: Local = getattr(registries, kind)()
    caplog.set_level(logging.DEBUG)
    place = Place(local, tmp_path, f"every-{kind}")
    told: list[Packing | Notice] = []
    async with place.client:
        await images.put(place.client, parse(place.base))
        planned = await Append(place.settings, place.client).plan(spec(), place.target())
        bundle = await place.build(spec(), tell=told.append)
        manifest, config, _ = await place.image(bundle.images[place.base])
    shown = f"{planned} {bundle} {told} {manifest} {config} {caplog.text} {capfd.readouterr()} {place.settings}"
    assert planned == bundle
    assert not local.password or local.password not in shown


async def test_a_wrong_password_is_told_without_it(registries: Registries, tmp_path: Path) -> None:
    local = replace(registries.htpasswd(), password="wrong-and-not-to-be-seen")
    place = Place(local, tmp_path, "wrong")
    async with place.client:
        with pytest.raises(BundleError) as caught:
            await place.build(spec())
    shown = f"{caught.value} {caught.value!r} {''.join(traceback.format_exception(caught.value))}"
    assert local.password not in shown
