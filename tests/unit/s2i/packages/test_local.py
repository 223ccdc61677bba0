"""The same packages for replicas on this machine: one folder for all jobs that ask for the same."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import Job, JobSpec, Notice, Target
from ciao.s2i.directory import Directory
from ciao.s2i.packages import local
from ciao.s2i.packages.local import check, interior_here, local_site
from fakes.asked import spec as asked
from fakes.shop import Shop


async def made(shop: Shop, *lines: str, **settings: object) -> Path:
    found = await local_site(
        [shop.line, *lines], sys.executable, shop.settings(**settings), shop.told.append, folder=shop.root
    )
    assert found is not None
    return found


async def test_a_python_of_this_machine_says_what_it_has() -> None:
    found = await interior_here(sys.executable)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert {"pytest", "aiohttp"} <= set(found.distributions)


@pytest.mark.parametrize("text", ["exit 3", "echo no answer", "echo 'ciao-interior:{}'"])
async def test_one_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "python").write_text(f"#!/bin/sh\n{text}\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(BundleError, match="does not tell what it has"):
        await interior_here(str(tmp_path / "python"))


async def test_the_folder_in_which_it_is_asked_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "glob", "platform"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert (await interior_here(sys.executable)).exact


async def test_what_that_python_has_is_not_installed_again(shop: Shop) -> None:
    shop.has("tiny", needs=["pytest", "other"])
    shop.has("pytest", "99")
    shop.has("other")
    site = await made(shop, "tiny")
    assert {p.name for p in site.glob("*.dist-info")} == {"tiny-1.0.dist-info", "other-1.0.dist-info"}


async def test_the_next_job_finds_it(shop: Shop) -> None:
    shop.has("tiny")
    first = await made(shop, "tiny")
    shop.told.clear()
    assert await made(shop, "tiny") == first == shop.root / "home" / "packages" / first.name
    assert shop.told == []


async def test_two_jobs_at_once_install_once(shop: Shop) -> None:
    shop.has("tiny")
    one, other = await asyncio.gather(made(shop, "tiny"), made(shop, "tiny"))
    assert one == other
    assert len([n for n in shop.told if isinstance(n, Notice)]) == 1


async def test_another_process_that_installs_the_same_is_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.has("tiny")
    first = await made(shop, "tiny")
    lock = first.parent / f".{first.name}.lock"
    hold = f"import fcntl; f = open({str(lock)!r}); fcntl.flock(f, 2); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1) as other:  # noqa: ASYNC220  # held
        assert other.stdin
        assert other.stdout
        other.stdout.readline()
        monkeypatch.setattr(local, "PAUSE", 0.001)
        waiting = asyncio.ensure_future(made(shop, "tiny"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.5)
        other.stdin.close()
        assert await waiting == first


async def test_what_cannot_be_installed_leaves_nothing(shop: Shop) -> None:
    with pytest.raises(BundleError, match="no index has a package tiny"):
        await made(shop, "tiny")
    assert [p for p in (shop.root / "home" / "packages").iterdir() if p.suffix != ".lock"] == []


async def test_what_no_job_has_used_for_long_goes_and_what_one_points_to_stays(shop: Shop) -> None:
    for name in ("again", "old", "used", "new"):
        shop.has(name)
    again, old, used = await made(shop, "again"), await made(shop, "old"), await made(shop, "used")
    job = shop.root / "home" / "jobs" / "pytorch-x2v9q" / "code"
    job.mkdir(parents=True)
    (job / "site").symlink_to(used)
    for folder in (again, old, used):
        os.utime(folder, (time.time() - 999,) * 2)
    await made(shop, "again")
    new = await made(shop, "new", keep_for=100.0)
    assert [folder.exists() for folder in (again, old, used, new)] == [True, False, True, True]


async def test_what_no_job_points_to_goes_beyond_keep_bytes_oldest_first(shop: Shop) -> None:
    sites = []
    for name in ("oldest", "old", "used", "fresh"):
        shop.has(name, files={f"{name}/data.bin": "x" * 100_000})
        sites.append(await made(shop, name))
    job = shop.root / "home" / "jobs" / "pytorch-x2v9q" / "code"
    job.mkdir(parents=True)
    (job / "site").symlink_to(sites[2])
    for age, folder in zip((9999, 8888, 9999, 1), sites, strict=True):
        os.utime(folder, (time.time() - age,) * 2)
    shop.has("new")
    await made(shop, "new", keep_bytes=250_000)
    assert [folder.exists() for folder in sites] == [False, True, True, True]
    locks = sorted(sites[0].parent.glob(".*.lock"))
    for lock in locks:  # one may be held for a long time
        os.utime(lock, (time.time() - 9999,) * 2)
    shop.has("newer")
    await made(shop, "newer", keep_bytes=0)
    assert [folder.exists() for folder in sites] == [False, False, True, True]
    assert all(lock.exists() for lock in locks)


async def test_what_a_job_begins_to_use_while_another_removes_what_is_old_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("oldest", "old", "new"):
        shop.has(name)
    oldest, old = await made(shop, "oldest"), await made(shop, "old")
    for age, folder in ((9999, oldest), (8888, old)):
        os.utime(folder, (time.time() - age,) * 2)
    remove = shutil.rmtree

    def slow(path: Path, **more: Any) -> None:
        remove(path, **more)
        if path == oldest:
            os.utime(old)

    monkeypatch.setattr("shutil.rmtree", slow)
    await made(shop, "new", keep_bytes=0)
    assert [folder.exists() for folder in (oldest, old)] == [False, True]


async def test_a_home_that_cannot_be_written_is_told(shop: Shop) -> None:
    (shop.root / "home").write_text("a file")
    with pytest.raises(BundleError, match="packages cannot be kept in") as refused:
        await made(shop, "tiny")
    assert "CIAO_HOME" in refused.value.hint


def test_lines_are_checked_without_installing(shop: Shop) -> None:
    assert check(["tiny"], shop.settings(), shop.root)
    assert not check([], shop.settings(), shop.root)
    with pytest.raises(BundleError):
        check(["-e ."], shop.settings(), shop.root)


async def built(shop: Shop, spec: JobSpec) -> Path:
    job = Job.named(spec, backend="local", now=0.0)
    strategy = Directory(shop.settings())
    return (await strategy.build(spec, job, Target(python=sys.executable), shop.told.append)).path


async def test_the_packages_lie_beside_the_code_of_a_local_job(shop: Shop) -> None:
    shop.has("tiny")
    code = await built(shop, asked(packages=(shop.line, "tiny")))
    assert (code / "site" / "tiny" / "__init__.py").exists()
    assert (code / "site").readlink().parent == shop.root / "home" / "packages"


async def test_a_local_job_without_packages_has_no_folder_for_them(shop: Shop) -> None:
    assert not (await built(shop, asked()) / "site").exists()


async def test_a_local_plan_refuses_what_could_not_be_installed(shop: Shop) -> None:
    with pytest.raises(BundleError, match="needs a build"):
        await Directory(shop.settings()).plan(asked(packages=("-e .",)), Target(python=sys.executable))
    assert not (shop.root / "home").exists()
