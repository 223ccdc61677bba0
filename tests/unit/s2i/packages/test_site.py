"""Packages as an image on a base: made once, found by everybody, the same everywhere."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing
from ciao.s2i.bases import resolve
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
from ciao.s2i.oci import Base, appended
from ciao.s2i.packages import site as site_module
from ciao.s2i.packages import told
from ciao.s2i.packages.site import cached_packages, with_packages
from ciao.s2i.pushing import push
from ciao.s2i.registry.base import Descriptor, Reference
from fakes import images
from fakes.registry import FakeRegistry, at
from fakes.shop import Shop
from fakes.tars import tar

NAME = "registry.example/team/python:1"
INTO = at("registry.example/ciao")


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


async def python(registry: FakeRegistry, *has: str) -> Base:
    """A base with a Python, and with these distributions."""
    libc = {"lib/libc.so.6": "GNU C Library version 2.36."}
    files = {f"usr/lib/python3/dist-packages/{one}.dist-info/METADATA": "" for one in has}
    raw = tar({"usr/bin/python3.11": "", **libc, **files}, links={"usr/bin/python3": "python3.11"})
    layer = images.Blob(media_type=images.OCI.gzip, content=gzip.compress(raw, mtime=0), diff_id=images.sha256(raw))
    await images.put(registry, at(NAME), layers=[layer])
    (base,) = await resolve(registry, NAME)
    return base


async def packaged(shop: Shop, registry: FakeRegistry, base: Base, *lines: str, **settings: object) -> Base:
    return await with_packages(
        base,
        [shop.line, *lines],
        registry=registry,
        into=INTO,
        settings=shop.settings(**settings),
        tell=shop.told.append,
        folder=shop.root,
    )


def files(registry: FakeRegistry, base: Base) -> Mapping[str, tarfile.TarInfo]:
    """Of its last layer."""
    raw = registry.blobs[INTO.host, INTO.repository, base.blobs[-1].digest]
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as file:
        return {one.name: one for one in file}


async def test_the_packages_lie_in_one_layer_on_the_base(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny", programs={"tiny/run": "#!/bin/sh\n"}, command=True)
    base = await python(registry)
    made = await packaged(shop, registry, base, "tiny")
    found = files(registry, made)
    assert made.blobs[:-1] == base.blobs
    assert {n for n, one in found.items() if one.isfile()} == {
        "ciao/code/site/bin/tiny",
        "ciao/code/site/ciao-requirements.lock",
        "ciao/code/site/tiny/__init__.py",
        "ciao/code/site/tiny/run",
        *(
            f"ciao/code/site/tiny-1.0.dist-info/{n}"
            for n in ("INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt")
        ),
    }
    modes = {n.rpartition("/")[2]: one.mode for n, one in found.items() if one.isfile()}
    assert (modes["run"], modes["tiny"], modes["__init__.py"]) == (0o755, 0o755, 0o644)
    assert (made.name, made.packages) == (NAME, registry_key(registry))


def registry_key(registry: FakeRegistry) -> str:
    (tag,) = [tag for _, repository, tag in registry.tagged if repository == "ciao"]
    return tag.removeprefix("packages-")


async def test_the_next_one_finds_it_with_one_request(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    base = await python(registry)
    made = await packaged(shop, registry, base, "tiny")
    again = await packaged(shop, registry, base, "tiny")
    registry.forget()
    shop.told.clear()
    assert (await packaged(shop, registry, base, "tiny")).reference == again.reference == made.reference
    assert (registry.forget(), shop.told) == (["HEAD manifest"], [])


async def test_another_user_finds_it_without_looking_into_the_base(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    base = await python(registry)
    made = await packaged(shop, registry, base, "tiny")
    other = Shop(root=shop.root, told=[])
    found = await with_packages(
        base,
        [shop.line, "tiny"],
        registry=registry,
        into=INTO,
        settings=shop.settings(keep_for=1.0),
        tell=other.told.append,
        folder=shop.root,
    )
    assert (found.digest, found.name, other.told) == (made.digest, NAME, [])


async def test_a_plan_makes_nothing_and_finds_what_is_there(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    base = await python(registry)
    where: dict[str, Any] = {"registry": registry, "into": INTO, "settings": shop.settings(), "folder": shop.root}
    assert await cached_packages(base, [shop.line, "tiny"], **where) is None
    made = await packaged(shop, registry, base, "tiny")
    assert (await cached_packages(base, [shop.line, "tiny"], **where) or base).digest == made.digest
    with pytest.raises(BundleError, match="needs a build"):
        await cached_packages(base, ["-e ."], **where)


async def test_another_image_under_the_name_is_not_run(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    base = await python(registry)
    made = await packaged(shop, registry, base, "tiny")
    other = appended(made, [pack([Entry(path="etc/evil", source=b"")])], about={})
    await push(other, registry=registry, into=replace(INTO, tag=f"packages-{made.packages}"), tell=shop.told.append)
    with pytest.raises(BundleError, match="not what its name says"):
        await packaged(shop, registry, base, "tiny")


async def test_without_packages_it_is_the_base_itself(shop: Shop, registry: FakeRegistry) -> None:
    base = await python(registry)
    registry.forget()
    assert await packaged(shop, registry, base) is base
    assert registry.forget() == []


async def test_a_base_that_has_all_of_it_gets_a_name_and_nothing_else(shop: Shop, registry: FakeRegistry) -> None:
    base = await python(registry, "tiny-1.0")
    made = await packaged(shop, registry, base, "tiny")
    assert {n for n, one in files(registry, made).items() if one.isfile()} == {"ciao/code/site/ciao-requirements.lock"}
    assert "has the packages already" in shop.notices


async def test_what_was_added_is_told_once_and_what_hides_the_base_each_time(
    shop: Shop, registry: FakeRegistry
) -> None:
    shop.has("numpy", "2.0")
    shop.has("six", "1.17")
    base = await python(registry, "numpy-1.24.2", "six-1.16.0")
    await packaged(shop, registry, base, "numpy>=2 six>=1.17")
    first, shop.told = shop.told, []
    await packaged(shop, registry, base, "numpy>=2 six>=1.17")
    warnings = [n.text for n in first if isinstance(n, Notice) and n.level == "warning"]
    assert any("Added packages: numpy 2.0, six 1.17" in n.text for n in first if isinstance(n, Notice))
    assert "numpy 2.0 hides 1.24.2" in warnings[0]
    assert "CUDA" in warnings[0]
    assert "six 1.17 hides 1.16.0" in warnings[1]
    assert "CUDA" not in warnings[1]
    assert [n.text for n in shop.told if isinstance(n, Notice)] == warnings


async def test_two_makers_in_other_places_make_the_same_image(
    shop: Shop, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.has("tool", command=True, programs={"tool/run": "#!/bin/sh\n"}, files={"tool.pth": "import tool\n"})
    found, before = [], os.umask(0o022)
    for number, umask in enumerate((0o077, 0o000)):
        folder = tmp_path / "temporary" / ("other" * 30 * number or "one")
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / f"cache-{number}"))
        monkeypatch.setenv("LC_ALL", ("C", "de_DE.UTF-8")[number])
        os.umask(umask)
        try:
            fresh = FakeRegistry()
            made = await packaged(shop, fresh, await python(fresh), "tool")
        finally:
            os.umask(before)
        folder.rmdir()
        found.append((made.digest, made.config["rootfs"]["diff_ids"]))
    assert found[0] == found[1]


class Raced(FakeRegistry):
    """Somebody else pushes the same between the first look and the second."""

    def __init__(self, other: FakeRegistry) -> None:
        super().__init__()
        self.other = other
        self.looked = 0

    async def find(self, name: Reference) -> Descriptor | None:
        self.looked += name.tag.startswith("packages-")
        if self.looked == 2:
            self.manifests |= self.other.manifests
            self.tagged |= self.other.tagged
            self.blobs |= self.other.blobs
        return await super().find(name)


async def test_who_is_slower_takes_what_the_faster_has_pushed(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    faster = await packaged(shop, registry, await python(registry), "tiny")
    raced = Raced(registry)
    base = await python(raced)
    raced.forget()
    assert (await packaged(shop, raced, base, "tiny")).digest == faster.digest
    assert "PUT manifest" not in raced.requests


async def test_packages_that_are_too_large_are_refused_before_they_are_packed(
    shop: Shop, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.has("tiny")
    monkeypatch.setattr(told, "MUCH", 10)
    await packaged(shop, registry, await python(registry), "tiny")
    assert "which every node pulls once" in shop.notices
    monkeypatch.setattr(told, "MOST", 100)
    with pytest.raises(BundleError, match="are the most that is taken"):
        await packaged(shop, registry, await python(registry, "other-1.0"), "tiny")


async def test_a_cancelled_making_leaves_nothing(
    shop: Shop, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.has("tiny")
    base, packing = await python(registry), asyncio.Event()

    def tell(one: Packing | Notice) -> None:
        if isinstance(one, Packing) and one.step == "packing the packages":
            packing.set()

    making = asyncio.ensure_future(
        with_packages(
            base,
            [shop.line, "tiny"],
            registry=registry,
            into=INTO,
            settings=shop.settings(),
            tell=tell,
            folder=shop.root,
        )
    )
    await packing.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert [repository for _, repository, _ in registry.tagged] == ["team/python"]
    while running := [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]:
        await asyncio.wait(running)


async def test_a_full_disk_is_told(shop: Shop, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    base = await python(registry)
    monkeypatch.setattr(site_module, "install", full)
    with pytest.raises(BundleError, match="No space left on device") as refused:
        await packaged(shop, registry, base, "tiny")
    assert "TMPDIR" in refused.value.hint


async def test_packages_may_be_an_image_of_their_own(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    base = await python(registry)
    where: dict[str, Any] = {"registry": registry, "into": INTO, "settings": shop.settings(), "folder": shop.root}
    lines, tell = [shop.line, "tiny"], shop.told.append
    assert await cached_packages(base, lines, alone=True, **where) is None
    made = await with_packages(base, lines, alone=True, tell=tell, **where)
    again = await with_packages(base, lines, alone=True, tell=tell, **where)
    assert (len(made.blobs), made.digest, made.packages) == (1, again.digest, again.packages)
    assert ("registry.example", "ciao", f"site-{made.packages}") in registry.tagged
    assert "ciao/code/site/tiny/__init__.py" in files(registry, made)
    assert (await with_packages(base, [], alone=True, tell=tell, **where)).blobs == ()


async def test_a_package_that_hides_a_module_of_python_is_told(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("typing", "3.7", files={"test/__init__.py": "", "other.py": ""})
    await packaged(shop, registry, await python(registry), "typing")
    assert "hide modules of Python itself: typing." in shop.notices


async def test_labels_tell_what_was_added_and_no_address(shop: Shop, registry: FakeRegistry) -> None:
    shop.has("tiny")
    made = await packaged(shop, registry, await python(registry), "tiny")
    labels = {k: v for k, v in made.labels.items() if k.startswith("dev.ciao.requirements")}
    assert json.loads(labels["dev.ciao.requirements.added"]) == {"tiny": "1.0"}
    assert str(shop.root) not in json.dumps(dict(made.config))
