"""What doctor says of the way that code takes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import pytest

from ciao.commands.check import Check
from ciao.commands.packing_checks import chosen, packages, packing_checks
from ciao.errors import BundleError
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.settings import Settings, load

NO_PROGRAMS = {"PATH": "/nowhere"}
THERE = Descriptor(media_type="", digest="sha256:ab", size=1)


@dataclass(kw_only=True)
class Registries:
    """Every registry: ``images`` are there; ``unreadable`` and ``unwritable`` are what is refused."""

    images: Collection[str] = ()
    unreadable: BundleError | None = None
    unwritable: BundleError | None = None
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    async def find(self, name: Reference) -> Descriptor | None:
        self.asked.append(f"find {name}")
        if self.silent:
            await asyncio.Event().wait()
        if self.unreadable:
            raise self.unreadable
        return THERE if str(name) in self.images else None

    async def try_push(self, name: Reference) -> None:
        self.asked.append(f"push {name}")
        if self.unwritable:
            raise self.unwritable


def nobody() -> NoReturn:
    raise AssertionError("a registry was asked")


def settings(**more: Any) -> Settings:
    return Settings(home=Path("/nowhere"), **{"s2i_registry": "push.example/team", **more})


async def checks(
    registries: Registries, environ: dict[str, str] = NO_PROGRAMS, *, limit: float = 30.0, **more: Any
) -> dict[str, Check]:
    found = await packing_checks(settings(**more), lambda: registries, environ=environ, limit=limit)
    return {check.name: check for check in found}


async def test_a_registry_that_takes_images_is_told_with_the_strategy_that_uses_it() -> None:
    found = await checks(Registries())
    assert not [c for c in found.values() if c.verdict != "ok" or c.fix]
    assert found["strategy"].words == "code travels by append: a registry is set"
    assert found["registry"].words.startswith("push.example answers in ")
    assert found["push"].words == "images may be pushed to push.example/team/ciao"


async def test_without_a_registry_none_is_asked() -> None:
    found = await packing_checks(Settings(home=Path("/nowhere")), nobody, environ=NO_PROGRAMS)
    assert [c.name for c in found] == ["strategy", "builders"]
    assert found[0].words == "code travels by configmap: no registry is set (s2i.registry)"


async def test_a_registry_that_cannot_be_reached_is_asked_nothing_more() -> None:
    registries = Registries(unreadable=BundleError("the registry refuses connections", hint="See that it runs"))
    found = await checks(registries, images=MappingProxyType({"jax": "jax:1"}))
    assert found["registry"] == Check(
        name="registry", verdict="fail", words="the registry refuses connections", fix="See that it runs"
    )
    assert len(registries.asked) == 1


async def test_a_registry_that_stays_silent_does_not_hold_up_doctor() -> None:
    assert (await checks(Registries(silent=True), limit=0.05))["registry"].words.endswith("gave no answer in 0.05 s")


async def test_who_may_read_and_not_push_is_told() -> None:
    refused = BundleError("the registry does not allow pushing", hint="Ask for the right to it")
    found = await checks(Registries(unwritable=refused))
    assert (found["registry"].verdict, found["push"].verdict) == ("ok", "fail")
    assert found["push"].fix == "Ask for the right to it"


async def test_base_images_of_the_settings_are_looked_for() -> None:
    images = MappingProxyType({"jax": "push.example/jax", "pytorch": "torch:1", "mpi": "torch:1"})
    there = Registries(images=["push.example/jax:latest"])
    found = await packing_checks(settings(images=images), lambda: there, environ=NO_PROGRAMS)
    assert [(c.verdict, c.words) for c in found if c.name == "base image"] == [
        ("ok", "push.example/jax is in its registry"),
        ("fail", "there is no image torch:1, which the settings name"),
    ]


async def test_authorities_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    found = await packing_checks(settings(s2i_ca=tmp_path / "ca.pem"), nobody, environ=NO_PROGRAMS)
    assert [c.fix for c in found if c.verdict == "fail"] == ["Correct s2i.ca, or remove it"]


async def test_a_strategy_that_cannot_work_is_a_failure_with_the_way_out() -> None:
    found = (await checks(Registries(), s2i_provider="buildah"))["strategy"]
    assert found.verdict == "fail"
    assert "use %s2i=append" in found.fix
    assert chosen(settings(s2i_provider="buildah")) == "buildah"


async def test_builders_that_are_here_are_listed_with_their_versions(tmp_path: Path) -> None:
    program = tmp_path / "buildah"
    program.write_text("#!/bin/sh\necho 'buildah version 1.28.2 (image-spec 1.1.0)'\n")
    program.chmod(0o755)
    assert (await checks(Registries(), {"PATH": str(tmp_path)}))["builders"].words == "%s2i= may be buildah 1.28.2"
    assert (await checks(Registries()))["builders"].words == "no builder is on this machine"


async def test_docker_without_its_daemon_is_told_and_fails_whoever_has_chosen_it(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\n[ $1 = info ] && exit 1\necho 'Docker version 28.2.2'\n")
    program.chmod(0o755)
    builders = (await checks(Registries(), environ := {"PATH": str(tmp_path)}))["builders"]
    assert builders.verdict == "ok"
    assert builders.words == "no builder is on this machine; docker cannot: docker's daemon does not answer"
    asked = (await checks(Registries(), environ, s2i_provider="docker"))["builders"]
    assert (asked.verdict, asked.fix.startswith("Start the daemon")) == ("fail", True)
    program.write_text("#!/bin/sh\necho 'Docker version 28.2.2'\n")
    assert (await checks(Registries(), environ))["builders"].words == "%s2i= may be docker 28.2.2"


async def test_the_builder_of_the_first_ciao_is_a_warning_that_says_where_it_is_set(tmp_path: Path) -> None:
    given = load({"CIAO_HOME": str(tmp_path), "CIAO_S2I_PROVIDER": "img"}, system=tmp_path / "none")
    [found, *_] = await packing_checks(given, nobody, environ=NO_PROGRAMS)
    assert (found.verdict, found.fix) == ("warn", "Write auto in CIAO_S2I_PROVIDER")


async def test_what_installs_packages_is_told_with_its_version() -> None:
    assert (await packages()).words.startswith("%package= installs with uv 0.")


async def test_without_it_packages_do_not_work_and_all_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> NoReturn:
        raise BundleError("uv is missing", hint="Install it anew")

    monkeypatch.setattr("ciao.s2i.packages.uv.binary", missing)
    expected = Check(
        name="packages", verdict="warn", words="%package= does not work: uv is missing", fix="Install it anew"
    )
    assert await packages() == expected
