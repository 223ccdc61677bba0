"""Which strategy stands behind a name, and what it says before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from ciao.interpreter.reading import read
from ciao.model import Cell, Files, Job, Notice, Packing, Target
from ciao.s2i.choosing import Choice
from ciao.s2i.making import made
from ciao.settings import Settings
from ciao.settings.strategies import STRATEGIES
from fakes.registry import FakeRegistry

NOWHERE = Settings(home=Path("/nowhere"))
PUSHING = Settings(home=Path("/nowhere"), s2i_registry="registry.example/team")
SPEC = read(Cell(text="%framework=jax\nx"), settings=NOWHERE)


def no_registry() -> NoReturn:
    raise AssertionError("a client of registries was made")


def no_cluster(_: str) -> NoReturn:
    raise AssertionError("a cluster was asked")


def test_what_pushes_nothing_makes_no_client_of_registries() -> None:
    for name in ("directory", "configmap"):
        assert made(Choice(name=name, reason=""), NOWHERE, registry=no_registry).name == name


@pytest.mark.parametrize("name", [n for n in STRATEGIES if n not in ("auto", "configmap")])
def test_every_strategy_that_pushes_has_the_registries_of_its_session(name: str) -> None:
    made_with: list[FakeRegistry] = []

    def registries() -> FakeRegistry:
        made_with.append(FakeRegistry())
        return made_with[-1]

    strategy = made(Choice(name=name, reason=""), PUSHING, registry=registries, api=no_cluster)
    assert (strategy.name, len(made_with)) == (name, 1)


async def test_what_a_choice_has_to_say_is_said_before_the_build() -> None:
    told: list[Packing | Notice] = []
    strategy = made(Choice(name="configmap", reason="", notice="img is gone"), NOWHERE, registry=no_registry)
    bundle = await strategy.build(SPEC, Job.named(SPEC, backend="kubeflow", now=0.0), Target(), told.append)
    assert told[0] == Notice(text="img is gone")
    assert isinstance(bundle, Files)
    assert await strategy.plan(SPEC, Target()) == bundle
    assert strategy.name == "configmap"


async def test_for_a_cluster_it_is_told_which_imports_are_only_here(tmp_path: Path) -> None:
    (tmp_path / "helper.py").touch()
    cell = Cell(text="%framework=jax\nimport helper", notebook=str(tmp_path / "a.ipynb"))
    spec = read(cell, settings=NOWHERE)
    told: list[Packing | Notice] = []
    for name in ("configmap", "directory"):
        strategy = made(Choice(name=name, reason=""), Settings(home=tmp_path), registry=no_registry)
        await strategy.build(spec, Job.named(spec, backend="kubeflow", now=0.0), Target(), told.append)
    assert [one.text.partition(":")[2][:19] for one in told if isinstance(one, Notice)] == [" helper is imported"]
