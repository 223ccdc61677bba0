"""``ciao images``: listed always, removed only when nobody needs it and that is known."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.backends.kubeflow.finding import InUse
from ciao.commands.images import images, prune, span
from ciao.commands.line import parse, split
from ciao.errors import BackendError, BackendUnavailable, CommandError
from ciao.model import Role, Target
from ciao.s2i.append import Append
from ciao.s2i.uses import Uses
from ciao.session import Session
from ciao.settings import Settings
from fakes import images as made
from fakes.asked import job, spec
from fakes.backend import Scripted
from fakes.registry import FakeRegistry, at

BASE = "registry.example/team/python:1"
DAY = 86400.0


class Cluster(Scripted):
    """Whose jobs use these images; an error if it is one."""

    used: InUse | BackendError = InUse(jobs={}, everywhere=True)

    async def images(self) -> InUse:
        if isinstance(self.used, BackendError):
            raise self.used
        return self.used


class Place:
    """A session with a registry in memory, and images in it that were used days ago."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, s2i_registry="registry.example/team", backend="kubeflow")
        self.cluster = Cluster(name="kubeflow")
        self.registry = FakeRegistry()
        self.session = Session(self.settings, backends={"kubeflow": self.cluster})
        vars(self.session).update(_registry=self.registry)

    async def cell(self, number: int, *, days: float | None) -> str:
        await made.put(self.registry, at(BASE))
        of = spec(code=f"print({number})")
        bundle = await Append(self.settings, self.registry).build(
            of, job(of), Target(images={Role.WORKER: BASE}), print
        )
        digest = bundle.images[BASE].partition("@")[2]
        if days is None:
            Uses(self.settings.home).forget(digest)
        else:
            when = time.time() - days * DAY
            os.utime(self.settings.home / "images" / digest[7:], (when, when))
        return digest

    @property
    def left(self) -> set[str]:
        return {digest for _, repository, digest in self.registry.manifests if repository == "team/ciao"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_they_are_listed_with_the_jobs_that_need_them(place: Place) -> None:
    digest = await place.cell(1, days=3)
    place.cluster.used = InUse(jobs={f"nodes.example/ciao@{digest}": ["torch-a"]}, everywhere=True)
    found = await images(place.session)
    assert [(one.digest, one.jobs) for one in found.images] == [(digest, ("torch-a",))]
    assert (str(found.where), found.unknown) == ("registry.example/team/ciao", "")


async def test_a_cluster_that_cannot_be_asked_is_no_reason_not_to_list_them(place: Place) -> None:
    await place.cell(1, days=3)
    place.cluster.used = BackendUnavailable("the cluster is away")
    found = await images(place.session)
    assert len(found.images) == 1
    assert found.unknown == "which jobs need them is not known: the cluster is away"


async def test_nothing_is_removed_that_was_not_confirmed(place: Place) -> None:
    digest = await place.cell(1, days=30)
    found = await prune(place.session, older=14 * DAY)
    assert ([one.digest for one in found.images], found.done) == ([digest], False)
    assert place.left == {digest}


async def test_what_is_old_and_needed_by_nobody_goes(place: Place) -> None:
    old, new, needed, strange = [await place.cell(n, days=days) for n, days in enumerate((30, 3, 30, None))]
    place.cluster.used = InUse(jobs={f"nodes.example/ciao@{needed}": ["torch-a"]}, everywhere=True)
    found = await prune(place.session, older=14 * DAY, confirmed=True)
    assert place.left == {new, needed, strange}
    assert ([one.digest for one in found.images], found.kept, found.strange, found.done) == ([old], 3, 1, True)


async def test_what_others_have_pushed_goes_only_with_all(place: Place) -> None:
    await place.cell(1, days=None)
    await prune(place.session, older=14 * DAY, every=True, confirmed=True)
    assert place.left == set()


async def test_all_is_refused_to_whoever_cannot_see_all_jobs(place: Place) -> None:
    strange = await place.cell(1, days=None)
    place.cluster.used = InUse(jobs={}, everywhere=False)
    with pytest.raises(CommandError, match="--all is for whoever may list the jobs of all namespaces"):
        await prune(place.session, older=14 * DAY, every=True, confirmed=True)
    assert place.left == {strange}


async def test_nothing_is_removed_where_nobody_knows_which_jobs_need_what(place: Place) -> None:
    digest = await place.cell(1, days=30)
    place.cluster.used = BackendUnavailable("the cluster is away")
    with pytest.raises(BackendUnavailable, match=r"the cluster is away. Nothing is removed as long as"):
        await prune(place.session, older=14 * DAY, confirmed=True)
    without = Session(
        replace(place.settings, backend="local", kubeconfig=Path("/nowhere")), backends={"local": Scripted()}
    )
    vars(without).update(_registry=place.registry)
    with pytest.raises(BackendError, match=r"no cluster is known here. Which images jobs need is for it to say"):
        await prune(without, older=14 * DAY, confirmed=True)
    assert place.left == {digest}


async def test_an_image_that_a_cell_uses_just_now_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [await place.cell(number, days=30) for number in range(2)]
    asked = place.registry.asked

    async def meanwhile(request: str) -> None:
        if request == "DELETE manifest":
            Uses(place.settings.home).note(*digests)
        await asked(request)

    monkeypatch.setattr(place.registry, "asked", meanwhile)
    await prune(place.session, older=14 * DAY, confirmed=True)
    assert len(place.left) == 1


@pytest.mark.parametrize(("text", "seconds"), [("14d", 14 * DAY), ("12h", DAY / 2), ("0", 0), (None, 14 * DAY)])
def test_an_age_is_read_as_in_a_cell(text: str | None, seconds: float, place: Place) -> None:
    assert span(text, place.settings) == seconds


def test_an_age_that_is_none_is_told(place: Place) -> None:
    with pytest.raises(CommandError, match="--older-than soon: not a length of time"):
        span("soon", place.settings)


def test_the_line_is_read() -> None:
    request = parse(split("images prune --older-than 3d --all --yes"))
    assert (request.action, request.older_than, request.all, request.yes) == ("prune", "3d", True, True)
    assert parse(["images"]).action is None


@pytest.mark.parametrize("line", ["images --yes", "images --all", "images --older-than 3d"])
def test_what_only_prune_knows_is_told(line: str) -> None:
    with pytest.raises(CommandError, match="is for 'images prune'"):
        parse(split(line))


def test_a_word_that_is_no_action_is_told() -> None:
    with pytest.raises(CommandError, match=r"'images' does not know 'prun'.*Did you mean prune"):
        parse(split("images prun"))
