"""What doctor and plan say of real registries, and that neither ever shows a password."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ciao.commands.check import Check
from ciao.commands.packing_checks import packing_checks
from ciao.commands.plan import Plan, plan
from ciao.frontends.display import page, planned, present
from ciao.model import Cell, JobSpec, Role, Target
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import parse, repository
from ciao.session import Session
from ciao.settings import Settings
from fakes import images
from fakes.backend import Scripted
from registries import Local, Registries

pytestmark = pytest.mark.registry


async def asked(settings: Settings) -> dict[str, Check]:
    async with Client(settings, environ={}) as registry:
        return {c.name: c for c in await packing_checks(settings, lambda: registry, environ={"PATH": "/nowhere"})}


@pytest.mark.parametrize("kind", ["open", "htpasswd", "token", "tls", "proxied"])
async def test_whoever_may_push_is_told_so(kind: str, registries: Registries) -> None:
    local: Local = getattr(registries, kind)()
    found = await asked(local.settings())
    assert [c for c in found.values() if c.verdict != "ok"] == []
    assert found["push"].words == f"images may be pushed to {local.address}/team/ciao"


async def test_a_try_leaves_nothing_behind(registries: Registries) -> None:
    local = registries.open()
    name = secrets.token_hex(4)
    settings = replace(local.settings(), s2i_registry=f"{local.address}/{name}")
    await asked(settings)
    async with Client(settings, environ={}) as registry:
        assert not await registry.tags(repository(settings))
    uploads = local.storage / f"docker/registry/v2/repositories/{name}/ciao/_uploads"
    assert uploads.is_dir()
    assert not list(uploads.glob("*/data"))  # empty folders are this registry's own habit


async def test_a_wrong_password_is_told_with_where_it_came_from_and_not_shown(registries: Registries) -> None:
    wrong = secrets.token_urlsafe()
    found = await asked(replace(registries.htpasswd().settings(), s2i_password=wrong))
    check = found["registry"]
    assert (check.verdict, "does not accept the login from s2i.username and s2i.password" in check.words) == (
        "fail",
        True,
    )
    assert wrong not in page.text(present.doctor(tuple(found.values())))


async def test_whoever_may_only_pull_is_told_that_pushing_is_missing(registries: Registries) -> None:
    reader = registries.token().reader
    assert reader is not None
    found = await asked(reader.settings())
    assert (found["registry"].verdict, found["push"].verdict) == ("ok", "fail")
    assert reader.password not in str(found)


async def test_an_unknown_authority_and_a_registry_that_is_away_are_told_apart(registries: Registries) -> None:
    untrusted = (await asked(replace(registries.tls().settings(), s2i_ca=None)))["registry"]
    assert untrusted.verdict == "fail"
    assert untrusted.fix.startswith("Set s2i.ca to the file of the authority that signed it; ")
    away = (await asked(replace(registries.open().settings(), s2i_registry="127.0.0.1:1/team")))["registry"]
    assert (away.verdict, "refuses connections" in away.words) == ("fail", True)


@dataclass
class Cluster(Scripted):
    """Its jobs have this base image."""

    name: str = "kubeflow"
    base: str = ""

    async def target(self, spec: JobSpec) -> Target:
        return Target(images={Role.WORKER: self.base}, platforms=("linux/amd64",))


async def what_is_planned(settings: Settings, base: str, **more: Any) -> Plan:
    session = Session(replace(settings, **more), backends={"kubeflow": Cluster(base=base)})
    try:
        return await plan(Cell(text="%framework=jax\nprint('hello')"), session)
    finally:
        await session.registry().close()


async def test_a_plan_names_the_very_image_and_pushes_nothing(registries: Registries, tmp_path: Path) -> None:
    local = registries.token()
    base = f"{local.address}/tests/base:1"
    async with Client(local.settings(), environ={}) as registry:
        await images.put(registry, parse(base))
    before = len(local.asked)
    found = await what_is_planned(local.settings(home=tmp_path), base)
    [(image, below)] = found.carried.images
    assert (image.partition("@")[0], below) == (f"{local.address}/team/ciao", base)
    assert not [line for line in local.asked[before:] if line.startswith(("POST", "PUT", "PATCH"))]
    assert local.password not in planned.plan(found)


async def test_without_its_registry_a_plan_is_made(registries: Registries, tmp_path: Path) -> None:
    local = registries.open()
    found = await what_is_planned(local.settings(home=tmp_path), "127.0.0.1:1/base:1", s2i_registry="127.0.0.1:1/team")
    assert found.carried.images == (("127.0.0.1:1/team/ciao:planned", "127.0.0.1:1/base:1"),)
    assert "the registry was not asked: " in planned.plan(found)


def test_a_process_ends_without_a_connection_left_open(registries: Registries, tmp_path: Path) -> None:
    local = registries.open()
    file = tmp_path / "train.py"
    file.write_text("%framework=jax\nprint('hello')\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CIAO_", "KUBE"))},
        "CIAO_HOME": str(tmp_path / "home"),
        "CIAO_BACKEND": "kubeflow",
        "KUBECONFIG": str(tmp_path / "none"),
        "CIAO_S2I_REGISTRY": f"{local.address}/team",
        "CIAO_IMAGES_JAX": f"{local.address}/absent:1",
    }
    ran = subprocess.run(
        [sys.executable, "-W", "default", "-m", "ciao", "plan", str(file)],
        capture_output=True, text=True, check=False, env=environment, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"ciao: there is no image {local.address}/absent:1" in ran.stderr
    assert "Unclosed" not in ran.stderr
