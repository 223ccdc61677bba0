"""How the code of a planned job would travel."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ciao.commands.plan import Plan, plan
from ciao.errors import BackendUnavailable, BundleError
from ciao.model import Bundle, Cell, Job, JobSpec, Pinned, Role, Target
from ciao.s2i.base import Tell
from ciao.s2i.registry.errors import Denied, Refused, Unreachable
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import Scripted


@dataclass(kw_only=True)
class Pushes:
    """A strategy that plans an image, or cannot."""

    fails: BundleError | None = None
    name: str = "append"
    asked: list[JobSpec] = field(default_factory=list)

    async def plan(self, spec: JobSpec, target: Target) -> Bundle:
        self.asked.append(spec)
        if self.fails:
            raise self.fails
        return Pinned(entry=spec.cell.filename, images={"python:3.12": "registry.example/ciao@sha256:ab"})

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Bundle:
        raise AssertionError("a plan builds nothing")


@dataclass
class Cluster(Scripted):
    name: str = "kubeflow"

    async def target(self, spec: JobSpec) -> Target:
        return Target(images={Role.WORKER: "python:3.12"})


async def planned(
    folder: Path, magics: str = "", *, backend: Scripted | None = None, s2i: Pushes | None = None, **settings: object
) -> Plan:
    given = Settings(home=folder, **settings)  # type: ignore[arg-type]  # a test may set any field
    session = Session(given, backends={"kubeflow": backend or Cluster()}, s2i=s2i)
    return await plan(Cell(text=f"%framework=jax\n{magics}import helper", notebook=str(folder / "a.ipynb")), session)


async def test_a_plan_has_what_would_be_pushed_and_what_goes_along(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1\n")
    found = (await planned(tmp_path, "%include=helper\n%package=a 'b>=2'\n", s2i=Pushes())).carried
    assert found.images == (("registry.example/ciao@sha256:ab", "python:3.12"),)
    assert found.packages == ("a 'b>=2'",)
    assert found.files == (("modules/helper.py", 6),)


async def test_what_the_cell_will_miss_is_told(tmp_path: Path) -> None:
    (tmp_path / "helper.py").touch()
    assert "helper is imported and is only on this machine" in (await planned(tmp_path)).notices[-1].text


async def test_the_strategy_is_told_with_its_reason(tmp_path: Path) -> None:
    found = (await planned(tmp_path, s2i_provider="img")).carried
    assert (found.strategy, found.reason) == ("configmap", "no registry is set (s2i.registry)")
    assert "it means auto now" in (await planned(tmp_path, s2i_provider="img")).notices[0].text


@pytest.mark.parametrize("error", [Unreachable("no answer"), Refused("it is ill", status=503, again=True)])
async def test_without_the_registry_a_plan_is_made_and_says_so(tmp_path: Path, error: BundleError) -> None:
    found = await planned(tmp_path, s2i=Pushes(fails=error), s2i_registry="push.example/a", s2i_pull="pull.example/b")
    assert found.carried.images == (("pull.example/b/ciao:planned", "python:3.12"),)
    assert found.notices[0].text.startswith(f"the registry was not asked: {error.message}. ")
    assert found.yaml


async def test_a_registry_that_wants_another_login_keeps_no_plan_from_being_seen(tmp_path: Path) -> None:
    error = Denied("it wants a login", status=401, hint="Log in")
    found = await planned(tmp_path, s2i=Pushes(fails=error), s2i_registry="push.example/a")
    assert found.notices[0].text.startswith("a run would fail: it wants a login. Log in. ")
    assert found.carried.images == (("push.example/a/ciao:planned", "python:3.12"),)
    assert found.yaml


async def test_what_would_not_be_built_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no image"):
        await planned(tmp_path, s2i=Pushes(fails=BundleError("there is no image python:9")))
    with pytest.raises(Refused, match="nothing"):
        await planned(tmp_path, s2i=Pushes(fails=Refused("it has nothing of this name", status=404)))


async def test_without_the_cluster_the_strategy_plans_for_what_the_settings_say(tmp_path: Path) -> None:
    away = Cluster(refuses=BackendUnavailable("it gave no answer"))
    found = await planned(tmp_path, backend=away, s2i=(pushes := Pushes()), images={"jax": "python:3.12"})
    assert len(pushes.asked) == 1
    assert "image: registry.example/ciao@sha256:ab" in found.yaml


async def test_no_password_of_an_index_is_in_a_plan(tmp_path: Path) -> None:
    secret = secrets.token_urlsafe()
    line = (
        f"%package=a --extra-index-url 'https://me:{secret}@b.example/simple' --index-url=https://{secret}@c.example\n"
    )
    found = await planned(tmp_path, line, s2i=Pushes())
    assert secret not in repr(found)
    assert found.carried.packages == (
        "a --extra-index-url 'https://***@b.example/simple' --index-url=https://***@c.example",
    )
