"""What works from here, and what does not with the fix."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ciao.commands.check import Check
from ciao.commands.doctor import doctor
from ciao.commands.probe import probe
from ciao.errors import BackendUnavailable
from ciao.model import Phase, Summary
from ciao.session import Session
from ciao.settings import Settings, load, survey
from fakes.backend import Scripted
from fakes.jobs import summary


async def checks(settings: Settings, backend: Scripted | None = None, **environ: str) -> dict[str, Check]:
    session = Session(settings, backends={"local": backend or Scripted()})
    return {c.name: c for c in await doctor(session, environ=environ)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def settings(home: Path, **variables: str) -> Settings:
    return load({"CIAO_HOME": str(home)} | variables, system=home / "none")


def open_to_the_group(path: Path) -> None:
    path.chmod(0o750)


async def test_where_all_is_well_nothing_is_to_be_fixed(home: Path) -> None:
    found = await checks(settings(home))
    assert not [c for c in found.values() if c.verdict == "fail"]
    assert found["home"] == Check(name="home", verdict="ok", words=str(home))
    assert found["python"].words.startswith(f"{sys.executable} is Python 3.")


async def test_a_home_that_is_no_folder_is_a_failure(home: Path) -> None:
    (home / "file").touch()
    found = (await checks(Settings(home=home / "file")))["home"]
    assert (found.verdict, found.words) == ("fail", f"{home / 'file'} cannot be written: File exists")
    assert found.fix == "Set CIAO_HOME to a folder that you may write to"


async def test_a_home_that_others_may_read_is_a_warning(home: Path) -> None:
    open_to_the_group(home)
    assert (await checks(settings(home)))["home"].fix == f"chmod 700 {home}"


async def test_a_password_that_others_may_read_is_a_warning(home: Path) -> None:
    file = home / "config.yaml"
    file.write_text("s2i: {password: hush}")
    file.chmod(0o640)
    assert (await checks(settings(home)))["password"].fix == f"chmod 600 {file}"
    file.chmod(0o600)
    assert "password" not in await checks(settings(home))


async def test_a_mistyped_variable_is_a_warning(home: Path) -> None:
    found = (await checks(settings(home), CIAO_GRASE="3"))["variables"]
    assert found.words == "unknown CIAO_GRASE: Did you mean CIAO_GRACE?"


async def test_a_python_that_does_not_start_is_a_failure(home: Path) -> None:
    found = (await checks(settings(home, CIAO_PYTHON="/no/python")))["python"]
    assert (found.verdict, found.words) == ("fail", "/no/python is not a Python that starts")


async def test_the_fix_for_a_python_is_where_it_was_set(home: Path) -> None:
    assert (await checks(settings(home, CIAO_PYTHON="/no/python")))["python"].fix == "Change or unset CIAO_PYTHON"
    (home / "config.yaml").write_text("python: /no/python")
    fix = (await checks(settings(home)))["python"].fix
    assert fix == f"Change or remove 'python' in {home / 'config.yaml'}"


async def test_settings_that_cannot_be_read_are_failures_beside_all_other_checks(home: Path) -> None:
    (home / "config.yaml").write_text("keep: [")
    rest, mistakes = survey({"CIAO_HOME": str(home), "CIAO_GRACE": "soon"}, system=home / "none")
    session = Session(rest, backends={"local": Scripted()})
    first, second, third, *_ = await doctor(session, environ={}, mistakes=mistakes)
    assert (first.name, first.verdict, first.fix) == (
        "settings",
        "fail",
        f"Correct {home / 'config.yaml'} or remove it",
    )
    assert first.words.startswith(f"{home / 'config.yaml'}, line 1, column 8: not valid YAML")
    assert (second.verdict, second.fix) == ("fail", "Change or unset CIAO_GRACE")
    assert third == Check(name="home", verdict="ok", words=str(home))


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ("[[3, 7, 1], []]", "fail", "is Python 3.7.1"),
        ("[[3, 9, 1], []]", "warn", "is Python 3.9.1, without any framework"),
        ('[[3, 9, 1], ["torch 2.1"]]', "ok", "is Python 3.9.1, with torch 2.1"),
        ("nonsense", "fail", "is not a Python that starts"),
    ],
)
async def test_a_python_is_judged_by_version_and_frameworks(home: Path, answer: str, verdict: str, words: str) -> None:
    python = home / "python"
    python.write_text(f"#!/bin/sh\necho '{answer}'\n")
    python.chmod(0o755)
    found = (await checks(settings(home, CIAO_PYTHON=str(python))))["python"]
    assert (found.verdict, found.words) == (verdict, f"{python} {words}")


async def test_a_python_without_frameworks_is_well_where_no_job_runs_here(home: Path) -> None:
    python, file = home / "python", home / "kubeconfig"
    python.write_text("#!/bin/sh\necho '[[3, 9, 1], []]'\n")
    python.chmod(0o755)
    file.write_text("no: kubeconfig")
    session = Session(Settings(home=home, kubeconfig=file, backend="kubeflow", python=str(python)))
    found = {c.name: c for c in await doctor(session, environ={})}["python"]
    assert (found.verdict, found.words.endswith("without any framework: jobs run on the cluster")) == ("ok", True)


async def test_a_registry_is_tried_before_there_is_a_cluster_and_fails_nobody(home: Path) -> None:
    found = await checks(settings(home, CIAO_S2I_REGISTRY="127.0.0.1:1/team"))
    assert found["cluster"].words == "not asked: jobs run on this machine"
    assert (found["registry"].verdict, "refuses connections" in found["registry"].words) == ("warn", True)


async def test_a_python_is_found_by_its_name_on_the_path() -> None:
    found = await probe("sh")
    assert found is None
    assert (await probe(sys.executable)) is not None


async def test_lost_jobs_are_a_warning_that_says_how_to_remove_them(home: Path) -> None:
    known = [summary("jax-aaaaa", Phase.LOST), summary("jax-bbbbb", Phase.RUNNING)]
    found = (await checks(settings(home), Scripted(summaries=known)))["jobs"]
    assert (found.words, found.fix) == ("1 running, 2 kept on local, 1 lost", "%ciao delete jax-aaaaa")


async def test_a_backend_that_cannot_be_reached_is_a_failure(home: Path) -> None:
    class Away(Scripted):
        async def jobs(self) -> list[Summary]:
            raise BackendUnavailable("nobody answers", hint="Look at the cable")

    found = (await checks(settings(home), Away()))["jobs"]
    assert (found.verdict, found.words, found.fix) == ("fail", "nobody answers", "Look at the cable")


async def test_a_cluster_is_looked_at_by_who_uses_one(home: Path) -> None:
    file = home / "kubeconfig"
    file.write_text("no: kubeconfig")
    alone = Session(Settings(home=home, kubeconfig=file, backend="local"))
    assert {c.name: c for c in await doctor(alone, environ={})}["cluster"].words.startswith("not asked")
    (home / "kubeflow" / "jobs" / "jax-aaaaa").mkdir(parents=True)
    found = {c.name: c for c in await doctor(alone, environ={})}
    assert found["credentials"].verdict == "fail"
    assert found["jobs"].words == "0 running, 0 kept on local"
