"""Which strategy carries the code, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.interpreter.reading import read
from ciao.model import Cell, JobSpec
from ciao.s2i.choosing import Choice, choose
from ciao.s2i.command.table import TOOLS
from ciao.settings import Settings
from ciao.settings.strategies import STRATEGIES

NOWHERE = Settings(home=Path("/nowhere"))
NO_PROGRAMS = {"PATH": "/nowhere"}
PUSHING = Settings(home=Path("/nowhere"), s2i_registry="registry.example/team")


def asking(strategy: str = "", beside: str = "") -> JobSpec:
    magic = f"%s2i={strategy}{beside}\n" if strategy else ""
    return read(Cell(text=f"%framework=jax\n{magic}x"), settings=NOWHERE)


def refusal(spec: JobSpec, settings: Settings = PUSHING) -> str:
    with pytest.raises(BundleError) as caught:
        choose(spec, settings, "kubeflow", environ=NO_PROGRAMS)
    return str(caught.value)


def test_with_a_registry_code_is_appended_and_without_one_it_is_a_configmap() -> None:
    assert choose(asking(), PUSHING, "kubeflow") == Choice(name="append", reason="a registry is set")
    assert choose(asking(), NOWHERE, "kubeflow").name == "configmap"
    assert choose(asking("auto"), NOWHERE, "kubeflow").reason == "no registry is set (s2i.registry)"


@pytest.mark.parametrize("strategy", ["", "append", "buildah"])
def test_on_this_machine_it_is_a_folder_whatever_is_asked_for(strategy: str) -> None:
    assert choose(asking(strategy), PUSHING, "local", environ=NO_PROGRAMS).name == "directory"


def test_the_cell_wins_over_the_settings() -> None:
    settings = Settings(home=Path("/nowhere"), s2i_registry="registry.example", s2i_provider="configmap")
    chosen = Choice(name="configmap", reason="the setting s2i.provider says so")
    assert choose(asking(), settings, "kubeflow") == chosen
    assert choose(asking("append"), settings, "kubeflow") == Choice(name="append", reason="%s2i=append says so")
    assert choose(asking("auto"), settings, "kubeflow").name == "append"


def test_the_builder_of_the_first_ciao_means_auto_and_a_notice_says_so() -> None:
    settings = Settings(home=Path("/nowhere"), s2i_provider="img")
    found = choose(asking(), settings, "kubeflow")
    assert (found.name, "it means auto now" in found.notice) == ("configmap", True)
    assert choose(asking("configmap"), settings, "kubeflow").notice == ""


@pytest.mark.parametrize("strategy", [s for s in STRATEGIES if s not in ("auto", "configmap")])
def test_what_pushes_needs_a_registry(strategy: str) -> None:
    assert refusal(asking(strategy), NOWHERE) == (
        f"{strategy} pushes an image, and no registry is set (%s2i={strategy}). Set s2i.registry in "
        "~/.ciao/config.yaml, or CIAO_S2I_REGISTRY, such as registry.example/team; or use %s2i=configmap, which needs "
        "none"
    )


@pytest.mark.parametrize("strategy", [*TOOLS, "s2i"])
def test_a_builder_of_this_machine_must_be_here(strategy: str) -> None:
    assert "use %s2i=append, which needs no program here" in refusal(asking(strategy))


@pytest.mark.parametrize("strategy", [*TOOLS, "s2i"])
def test_what_builds_no_dockerfile_is_no_way_out_for_one(strategy: str) -> None:
    spec = asking(strategy, " dockerfile=Dockerfile")
    assert "append" not in refusal(spec)
    assert "configmap" not in refusal(spec, NOWHERE)


def test_a_builder_that_is_here_is_chosen(tmp_path: Path) -> None:
    program = tmp_path / "buildah"
    program.touch(mode=0o755)
    assert choose(asking("buildah"), PUSHING, "kubeflow", environ={"PATH": str(tmp_path)}).name == "buildah"
