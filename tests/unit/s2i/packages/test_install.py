"""Packages into a folder, by the real uv, from wheels of this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Packing
from ciao.s2i.packages.tidy import LOCK
from fakes.shop import Shop
from fakes.wheels import source


def names(site: Path) -> list[str]:
    return sorted(p.name for p in site.iterdir())


async def test_what_the_base_has_is_kept_and_what_that_needs_is_not_asked(shop: Shop) -> None:
    shop.has("torch", "9.0", needs=["cuda"])
    shop.has("cuda")
    shop.has("metrics", needs=["torch>=2"])
    made, site = await shop.install("metrics", has={"torch": "2.1.0"})
    assert dict(made.added) == {"metrics": "1.0"}
    assert names(site) == [LOCK, "metrics", "metrics-1.0.dist-info"]


async def test_a_version_that_the_base_has_not_hides_its_own(shop: Shop) -> None:
    shop.has("numpy", "2.0")
    made, site = await shop.install("numpy>=2", has={"numpy": "1.24.2"})
    assert (dict(made.added), dict(made.replaced)) == ({"numpy": "2.0"}, {"numpy": "1.24.2"})
    assert names(site) == [LOCK, "numpy", "numpy-2.0.dist-info"]


async def test_nothing_is_left_if_the_base_has_all_of_it(shop: Shop) -> None:
    made, site = await shop.install("numpy", has={"numpy": "1.24.2", "odd": "1~dfsg", "Od d": "1"})
    assert (dict(made.added), names(site)) == ({}, [LOCK])


async def test_what_the_base_does_not_have_brings_what_it_needs(shop: Shop) -> None:
    shop.has("a", needs=["b>=1"])
    shop.has("b", "1.5")
    made, _ = await shop.install("a")
    assert dict(made.added) == {"a": "1.0", "b": "1.5"}


async def test_markers_are_those_of_the_image(shop: Shop) -> None:
    shop.has("a", needs=["b; python_full_version >= '3.11.2'", "c; python_full_version > '3.11.2'"])
    shop.has("b")
    made, _ = await shop.install("a", "\"d; sys_platform == 'win32'\"")
    assert dict(made.added) == {"a": "1.0", "b": "1.0"}


async def test_wheels_are_chosen_for_the_images_python_and_libc(shop: Shop) -> None:
    shop.has("a", "2.0", tag="cp311-cp311-manylinux_2_39_x86_64")
    shop.has("a", "1.5", tag="cp311-cp311-manylinux_2_28_x86_64")
    shop.has("a", "1.9", tag="cp312-cp312-manylinux_2_28_x86_64")
    made, _ = await shop.install("a")
    assert dict(made.added) == {"a": "1.5"}


async def test_a_limit_that_no_requirement_names_installs_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.has("a", "1.0")
    shop.has("a", "2.0")
    (tmp_path / "limits.txt").write_text("a<2\nother==3\n")
    made, _ = await shop.install("-c limits.txt a")
    assert dict(made.added) == {"a": "1.0"}


async def test_a_wheel_of_this_machine_is_installed_again_and_again(shop: Shop, tmp_path: Path) -> None:
    path = shop.has("tiny", "1.2+local")
    path = path.rename(tmp_path / path.name)
    for _ in range(2):  # what uv says of one differs when it has it in its cache
        made, site = await shop.install(f"./{path.name}")
        assert dict(made.added) == {"tiny": "1.2+local"}
        assert str(tmp_path) not in (site / LOCK).read_text()
        assert not list(site.rglob("direct_url.json"))


async def test_the_lock_has_every_hash_that_the_index_tells(shop: Shop, tmp_path: Path) -> None:
    path = shop.has("tiny")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path = path.rename(tmp_path / path.name)
    made, site = await shop.install(f"./{path.name}")
    assert made.lock == f"tiny==1.0 \\\n    --hash=sha256:{digest}\n" == (site / LOCK).read_text()


async def test_another_content_than_the_users_hash_is_not_installed(shop: Shop) -> None:
    shop.has("tiny")
    with pytest.raises(BundleError, match=r"tiny==1.0 has another content than its hash says"):
        await shop.install(f"tiny==1.0 --hash=sha256:{'1' * 64}")


async def test_two_installs_in_other_folders_by_another_umask_are_the_same(shop: Shop, tmp_path: Path) -> None:
    shop.has("b", command=True, programs={"b/run": "#!/bin/sh\n"})
    shop.has("a", needs=["b"], files={"a/data.txt": "é", "a-1.0.data/scripts/go": "#!python\nprint()\n"})
    before, found = os.umask(0o077), []
    for folder, umask in (("one", 0o077), ("a much longer name of a folder" * 5, 0o002)):
        os.umask(umask)
        try:
            _, site = await shop.install("a", site=tmp_path / folder / "site")
        finally:
            os.umask(before)
        found.append({str(p.relative_to(site)): p.read_bytes() for p in site.rglob("*") if p.is_file()})
    assert found[0] == found[1]
    assert (site / "b/run").stat().st_mode & 0o100


async def test_scripts_start_with_whatever_python_is_there(shop: Shop) -> None:
    shop.has("tool", command=True, files={"tool-1.0.data/scripts/go": "#!python\nprint()\n"})
    _, site = await shop.install("tool")
    assert {p.read_text().splitlines()[0] for p in (site / "bin").iterdir()} == {"#!/usr/bin/env python3"}
    env = {"PATH": f"{site}/bin:{Path(sys.executable).parent}", "PYTHONPATH": str(site)}
    ran = subprocess.run(["tool"], env=env, capture_output=True, text=True, check=True)  # noqa: ASYNC221  # a moment
    assert ran.stdout == "tool\n"


async def test_scripts_for_this_machine_go_on_naming_their_python(shop: Shop) -> None:
    shop.has("tool", command=True)
    _, site = await shop.install("tool", python=sys.executable)
    assert (site / "bin/tool").read_text().startswith(f"#!{sys.executable}\n")


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ("missing", "no index has a package missing", "spelled"),
        ("a==9", "there is no a==9", "version open"),
        (
            "a b",
            "all versions of . depend on c.* and all versions of . depend on c.*; the cell asks for a and b",
            "Change a version",
        ),
        ("old", "old.* has no wheel for Python 3.11 on glibc 2.36", "s2i="),
        ("far", "far.* has no wheel for Python 3.11 on glibc 2.36", "s2i="),
        ("broken", "broken.* is damaged", "anew"),
        ("./torn-1.0-py3-none-any.whl", "torn-1.0-py3-none-any.whl is damaged", "anew"),
        ("sklearn", "sklearn.* has no wheel", "scikit-learn"),
        ("a===", "ends where a version belongs", "pandas>=2"),
    ],
)
async def test_a_set_that_cannot_be_installed_says_why(shop: Shop, line: str, words: str, hint: str) -> None:
    shop.has("a", needs=["c<1"])
    shop.has("b", needs=["c>=1"])
    shop.has("c", "0.5")
    shop.has("c", "1.5")
    shop.has("far", tag="cp311-cp311-macosx_11_0_arm64")
    source(shop.links, "old")
    source(shop.links, "sklearn")
    (shop.links / "broken-1.0-py3-none-any.whl").write_text("no zip")
    (shop.root / "torn-1.0-py3-none-any.whl").write_text("no zip")
    with pytest.raises(BundleError, match=words) as refused:
        await shop.install(line)
    assert hint in refused.value.hint
    assert len(str(refused.value)) < 900


async def test_each_step_is_told(shop: Shop) -> None:
    shop.has("tiny")
    await shop.install("tiny")
    assert [e.step for e in shop.told if isinstance(e, Packing)] == ["resolving the packages", "installing 1 package"]
