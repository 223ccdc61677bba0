"""The strategy, with a program on the PATH that writes down how it was called."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import JobSpec, Notice, Packing, Pinned, Role, Target
from ciao.s2i.command.strategy import Command
from ciao.settings import Settings
from fakes import images
from fakes.asked import job, spec
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"
OTHER = "registry.example/team/other:1"
REGISTRY: Mapping[str, Any] = {"s2i_registry": "registry.example/team"}
PASSWORD = f"pass {secrets.token_urlsafe(12)}"

BUILDAH = """#!/bin/sh
case "$1" in
  info) echo "${DRIVER:-overlay}"; exit;;
  containers) exit;;
esac
for word in "$@"; do printf '%s\\t' "$word"; done >>"$LOG/calls"
echo >>"$LOG/calls"
env >"$LOG/$1.env"
last=
for word in "$@"; do
  case "$last" in
    --file) cat "$word" >>"$LOG/dockerfiles"; echo -- >>"$LOG/dockerfiles";;
    --digestfile) printf '%s' "$DIGEST" >"$word";;
  esac
  last="$word"
done
cp "$REGISTRY_AUTH_FILE" "$LOG/login" 2>/dev/null
stat -c %a "$REGISTRY_AUTH_FILE" >"$LOG/mode" 2>/dev/null
echo "STEP 1/2: FROM base"
"""
"""Steps that each test adds come after it."""


@dataclass(kw_only=True)
class Desk:
    """A registry, a fake buildah, and what was told."""

    registry: FakeRegistry
    folder: Path
    settings: Settings
    environ: dict[str, str]
    told: list[Packing | Notice] = field(default_factory=list)

    def program(self, more: str = "", name: str = "buildah") -> None:
        (self.folder / "bin" / name).write_text(BUILDAH + more)
        (self.folder / "bin" / name).chmod(0o755)

    async def build(self, of: JobSpec | None = None, *bases: str, tool: str = "buildah") -> Pinned:
        of = of or self.spec()
        command = Command(tool, self.settings, self.registry, environ=self.environ)
        roles = (Role.MASTER, Role.WORKER)
        target = Target(images=dict(zip(roles, bases or (BASE,), strict=False)), platforms=("linux/amd64",))
        return await command.build(of, job(of), target, self.told.append)

    def spec(self, **more: Any) -> JobSpec:
        return spec(code="print('built')\n", **more)

    @property
    def calls(self) -> list[list[str]]:
        text = (self.folder / "log" / "calls").read_text()
        return [line.rstrip("\t").split("\t") for line in text.splitlines()]

    @property
    def dockerfiles(self) -> list[str]:
        return (self.folder / "log" / "dockerfiles").read_text().split("--\n")[:-1]

    def log(self, name: str) -> str:
        return (self.folder / "log" / name).read_text()

    @property
    def scratch(self) -> Sequence[str]:
        return os.listdir(self.folder / "scratch")  # noqa: PTH208  # asked in coroutines


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    for name in ("bin", "log", "scratch", "home"):
        (tmp_path / name).mkdir()
    registry = FakeRegistry()
    for name in (BASE, OTHER):
        await images.put(registry, at(name))
    made = await images.put(registry, at("registry.example/team/ciao:made"))
    login: dict[str, Any] = {"s2i_username": "ann", "s2i_password": PASSWORD}
    desk = Desk(
        registry=registry,
        folder=tmp_path,
        settings=Settings(home=tmp_path / "home", **REGISTRY, **login),
        environ={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "scratch"),
            "LOG": str(tmp_path / "log"),
            "DIGEST": made.digest,
            "CIAO_S2I_PASSWORD": PASSWORD,
        },
    )
    desk.program()
    return desk


async def test_the_base_is_named_by_its_digest_and_the_image_too(desk: Desk) -> None:
    bundle = await desk.build()
    base = await desk.registry.find(at(BASE))
    assert base is not None
    assert bundle.images == {BASE: f"registry.example/team/ciao@{desk.environ['DIGEST']}"}
    assert (bundle.entry, bundle.strategy, bundle.users) == ("cell_7.py", "buildah", {BASE: 1001})
    assert desk.dockerfiles[0].splitlines()[:2] == [
        f"FROM registry.example/team/python@{base.digest}",
        "COPY ciao/code /ciao/code/",
    ]


async def test_it_is_built_and_pushed_under_a_name_of_its_own_which_does_not_stay_here(desk: Desk) -> None:
    await desk.build()
    (build, push, remove), name = desk.calls, desk.calls[1][-1]
    assert [call[0] for call in (build, push, remove)] == ["build", "push", "rmi"]
    assert name.startswith("registry.example/team/ciao:cell-")
    assert (build[build.index("--tag") + 1], remove[-1]) == (name, name)
    await desk.build()
    assert desk.calls[4][-1] != name


async def test_one_image_is_built_for_each_base(desk: Desk) -> None:
    bundle = await desk.build(desk.spec(), BASE, OTHER)
    assert set(bundle.images) == {BASE, OTHER}
    assert [call[0] for call in desk.calls].count("push") == 2


async def test_the_name_is_the_one_that_nodes_pull_by(desk: Desk) -> None:
    desk.settings = Settings(
        home=desk.folder / "home", s2i_registry="registry.example/team", s2i_pull="inside:5000/team"
    )
    (image,) = (await desk.build()).images.values()
    assert image.startswith("inside:5000/team/ciao@sha256:")


async def test_the_login_is_in_a_private_file_and_nowhere_else(desk: Desk) -> None:
    await desk.build()
    assert json.loads(desk.log("login"))["auths"]["registry.example"]["auth"]
    assert desk.log("mode") == "600\n"
    shown = "".join(map(desk.log, ("calls", "build.env", "push.env", "dockerfiles"))) + repr(desk.told)
    assert PASSWORD not in shown
    assert desk.scratch == []


async def test_steps_are_told_as_they_come(desk: Desk) -> None:
    await desk.build()
    steps = [news.step for news in desk.told if isinstance(news, Packing)]
    first, *steps = steps
    assert first == "looking for the base image"
    assert steps == ["buildah: building", "buildah: FROM base", "buildah: pushing", "buildah: FROM base"]


async def test_a_failure_has_the_code_and_the_last_words_but_no_password(desk: Desk) -> None:
    desk.program(f"echo 'login with {PASSWORD} refused: unauthorized'; exit 125\n")
    with pytest.raises(BundleError) as caught:
        await desk.build()
    assert caught.value.message == "buildah: building failed with exit code 125"
    assert "login with *** refused" in caught.value.hint
    assert PASSWORD not in str(caught.value)
    assert (caught.value.__context__ is None or caught.value.__suppress_context__, desk.scratch) == (True, [])


async def test_what_the_registry_does_not_have_was_not_pushed(desk: Desk) -> None:
    desk.environ["DIGEST"] = "sha256:" + "0" * 64
    with pytest.raises(BundleError, match="the registry does not have it"):
        await desk.build()


async def test_a_tool_that_tells_no_digest_is_not_believed(desk: Desk) -> None:
    desk.environ["DIGEST"] = "latest"
    with pytest.raises(BundleError, match="did not tell the digest"):
        await desk.build()


async def test_an_interrupt_ends_the_program_and_leaves_no_file(desk: Desk) -> None:
    desk.program("[ $1 = build ] || exit 0; echo STEP 2/2: RUN sleep; sleep 600\n")
    build = asyncio.create_task(desk.build())
    async with asyncio.timeout(30):
        while not any("RUN sleep" in repr(news) for news in desk.told):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.005)
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert (desk.calls[-1][0], desk.scratch) == ("rmi", [])


async def test_a_users_dockerfile_is_built_in_its_folder_and_the_code_goes_on_top(desk: Desk) -> None:
    (desk.folder / "home" / "Dockerfile").write_text("ARG BASE\nFROM $BASE\nRUN true\n")
    asked = spec(code="print(1)", dockerfile="Dockerfile")
    await desk.build(in_notebook(asked, desk.folder / "home"))
    first, second, *_ = desk.calls
    assert first[-1] == str(desk.folder / "home")
    assert any(word.startswith("BASE=registry.example/team/python@sha256:") for word in first)
    name = first[first.index("--tag") + 1]
    assert name.startswith("localhost/ciao/dockerfile:")
    assert desk.dockerfiles[1].startswith(f"FROM {name}\n")
    assert ["--layers=true" in first, "--layers=false" in second] == [True, True]
    assert name not in [call[-1] for call in desk.calls if call[0] == "rmi"]


async def test_a_users_dockerfile_that_fails_is_not_sent_to_what_builds_none(desk: Desk) -> None:
    (desk.folder / "home" / "Dockerfile").write_text("FROM python:3\nRUN false\n")
    desk.program("exit 1\n")
    with pytest.raises(BundleError) as caught:
        await desk.build(in_notebook(desk.spec(dockerfile="Dockerfile"), desk.folder / "home"))
    assert caught.value.hint.endswith("\nCorrect what it complains about.")


async def test_a_base_that_is_not_declared_is_told_before_the_tool_is_called(desk: Desk) -> None:
    (desk.folder / "home" / "Dockerfile").write_text("FROM ${BASE}\n")
    with pytest.raises(BundleError, match=r"no ARG BASE above"):
        await desk.build(in_notebook(desk.spec(dockerfile="Dockerfile"), desk.folder / "home"))


async def test_a_dockerfile_that_is_not_there_is_told_first(desk: Desk) -> None:
    with pytest.raises(BundleError, match=r"there is no Dockerfile .*/Missing"):
        await desk.build(in_notebook(desk.spec(dockerfile="Missing"), desk.folder))
    assert not (desk.folder / "log" / "calls").exists()


async def test_storage_that_copies_whole_images_is_told_of(desk: Desk) -> None:
    desk.environ["DRIVER"] = "vfs"
    await desk.build()
    (notice,) = (news for news in desk.told if isinstance(news, Notice))
    assert "buildah stores images with the driver vfs" in notice.text


async def test_a_plan_runs_nothing(desk: Desk) -> None:
    asked, target = desk.spec(), Target(images={Role.WORKER: BASE})
    planned = await Command("buildah", desk.settings, desk.registry, environ=desk.environ).plan(asked, target)
    assert planned.images == {BASE: "registry.example/team/ciao:planned"}
    assert not (desk.folder / "log" / "calls").exists()


async def test_without_a_base_nothing_is_built(desk: Desk) -> None:
    command = Command("buildah", desk.settings, desk.registry, environ=desk.environ)
    with pytest.raises(BundleError, match="Name it with %image="):
        await command.build(desk.spec(), job(desk.spec()), Target(), print)


def in_notebook(of: JobSpec, folder: Path) -> JobSpec:
    from dataclasses import replace

    return replace(of, cell=replace(of.cell, notebook=str(folder / "n.ipynb")))
