"""What stands behind a frontend: which backends are asked."""

from __future__ import annotations

import queue
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.backends.joined import Joined
from ciao.errors import BackendError, BackendUnavailable, RegistryMissing
from ciao.frontends.notebook import notices
from ciao.interpreter.reading import read
from ciao.model import Cell, Event, Notice, Phase, ReplicaChanged, Summary
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import NoBundle, Scripted
from fakes.jobs import summary


def cluster(**script: object) -> Scripted:
    return Scripted(name="kubeflow", where="ctx/team", **script)  # type: ignore[arg-type]  # any of its fields


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    file.touch()
    return file


def folder_of_a_job(home: Path, *parts: str) -> None:
    home.joinpath(*parts, "jobs", "jax-aaaaa").mkdir(parents=True)


def test_who_never_used_the_other_backend_does_not_wait_for_it(tmp_path: Path, kubeconfig: Path) -> None:
    session = Session(Settings(home=tmp_path, kubeconfig=kubeconfig, backend="local"))
    assert session.everywhere() is session.backend("local")


def test_jobs_of_the_other_backend_are_looked_for_where_there_is_a_trace_of_one(
    tmp_path: Path, kubeconfig: Path
) -> None:
    folder_of_a_job(tmp_path, "kubeflow")
    session = Session(Settings(home=tmp_path, kubeconfig=kubeconfig, backend="local"))
    found = session.everywhere()
    assert isinstance(found, Joined)
    assert found.name == "local"
    assert session.everywhere() is found


def test_jobs_on_a_cluster_are_not_looked_for_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder_of_a_job(tmp_path, "kubeflow")
    session = Session(Settings(home=tmp_path, backend="local"))
    assert session.everywhere() is session.backend("local")


def test_local_jobs_are_listed_beside_those_of_a_cluster(tmp_path: Path) -> None:
    folder_of_a_job(tmp_path)
    found = Session(Settings(home=tmp_path), backends={"kubeflow": cluster()}).everywhere()
    assert (found.name, found.where) == ("kubeflow", "ctx/team and local")


def test_a_cell_in_another_namespace_says_which(tmp_path: Path) -> None:
    session = Session(Settings(home=tmp_path), backends={"kubeflow": cluster(), "local": Scripted()})
    assert session.place(None, "other") == "ctx/other"
    assert session.place(None, None) == "ctx/team"
    assert session.place("local", "other") == "local"


async def test_a_restarted_kernel_tells_of_jobs_on_both_backends(tmp_path: Path) -> None:
    there, here = summary("far", Phase.RUNNING), summary("near", Phase.RUNNING)
    backends = {"kubeflow": cluster(summaries=[there]), "local": Scripted(summaries=[here])}
    found = await notices.still_running(Session(Settings(home=tmp_path), backends=backends), before=time.time())
    assert found is not None
    assert found.text.startswith("far, near still run from before")


async def test_a_cluster_that_cannot_be_reached_makes_no_notice_fail(tmp_path: Path) -> None:
    class Away(Scripted):
        async def jobs(self) -> list[Summary]:
            raise BackendUnavailable("no answer")

    session = Session(Settings(home=tmp_path), backends={"kubeflow": Away(name="kubeflow")})
    assert await notices.still_running(session, before=time.time()) is None


def test_the_code_travels_by_what_the_settings_and_the_backend_ask_for(tmp_path: Path) -> None:
    session = Session(Settings(home=tmp_path), backends={"kubeflow": cluster(), "local": Scripted()})
    spec = read(Cell(text="%framework=jax\nx"), settings=session.settings)
    assert session.s2i(spec, session.backend("local")).name == "directory"
    assert session.s2i(spec, session.backend("kubeflow")).name == "configmap"
    with pytest.raises(RegistryMissing, match="append pushes an image, and no registry is set"):
        session.s2i(replace(spec, s2i="append"), session.backend("kubeflow"))


@pytest.mark.parametrize("way", ["run", "attach"])
def test_whoever_follows_a_job_is_told_that_it_stands_still(tmp_path: Path, way: str) -> None:
    job = replace(summary("jax-aaaaa", Phase.RUNNING), outcome=None)
    script = [ReplicaChanged(status=status) for status in job.replicas]
    backend = Scripted(script=script, endless=True, summaries=[job], stand=BackendError("you may not"))
    session = Session(Settings(home=tmp_path, standstill=0.02), backends={"local": backend}, s2i=NoBundle())
    told: queue.Queue[Event] = queue.Queue()
    spec = read(Cell(text="%framework=jax\n%worker=2\npass\n", number=7), settings=session.settings)
    run = session.run(spec, told.put) if way == "run" else session.attach("jax-aaaaa", told.put)
    while not isinstance(event := told.get(timeout=30), Notice):
        pass
    assert re.match(r"no line from any replica for \d+ s: `%ciao stacks jax-", event.text)
    run.cancel()
    run.done.result(30)
