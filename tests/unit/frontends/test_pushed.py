"""The images that were pushed, as pages for people."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from ciao.commands.images import Images, Pruned
from ciao.errors import BackendError
from ciao.frontends.command import answer
from ciao.frontends.display import page, pushed
from ciao.s2i.images import Pushed
from ciao.s2i.registry.base import Reference
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import Scripted
from fakes.registry import FakeRegistry

WHERE = Reference(host="registry.example", repository="team/ciao")
NOW = 1_000_000.0
CELL = Pushed(
    digest="sha256:1", tags=("cell-1",), kind="cell", title="cell_7.py", size=70_000, used=NOW - 7200, jobs=("torch-a",)
)
PACKAGES = Pushed(digest="sha256:2", tags=("packages-2",), kind="packages", title="einops 0.8.1", size=3_200_000)


def picture(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_list_tells_what_each_is_and_who_needs_it() -> None:
    found = Images(where=WHERE, images=(CELL, PACKAGES), unknown="which jobs need them is not known: it is away")
    assert page.text(pushed.images(found, now=NOW)) == picture("""
        registry.example/team/ciao
        TAG         WHAT                    SIZE    USED FROM HERE  JOBS
        cell-1      cell_7.py               70 kB   2 h ago         torch-a
        packages-2  packages: einops 0.8.1  3.2 MB  unknown         -
        which jobs need them is not known: it is away
    """)


def test_no_image_is_told_in_a_sentence() -> None:
    assert (
        page.text(pushed.images(Images(where=WHERE, images=()), now=NOW))
        == "No images in registry.example/team/ciao yet"
    )


def test_what_would_go_is_told_with_the_way_to_do_it() -> None:
    found = Pruned(where=WHERE, images=(PACKAGES,), kept=3, strange=1, span=86400, done=False)
    assert page.text(pushed.pruned(found, now=NOW, prefix="%ciao")) == picture("""
        To be removed from registry.example/team/ciao: 1 image
        TAG         WHAT                    SIZE    USED FROM HERE  JOBS
        packages-2  packages: einops 0.8.1  3.2 MB  unknown         -
        3 more stay
        1 of them was never used from here, so that the age is not known: --all is for those, too
        Nothing is removed yet: %ciao images prune --yes, with the same options, removes it
    """)


def test_what_went_is_told_with_what_the_administrator_has_to_do() -> None:
    found = Pruned(where=WHERE, images=(PACKAGES,), kept=0, strange=0, span=86400, done=True)
    text = page.text(pushed.pruned(found, now=NOW))
    assert text.startswith("Removed from registry.example/team/ciao: 1 image\n")
    assert text.endswith("when its administrator collects what nothing names any more")


def test_nothing_to_remove_is_told_with_the_age() -> None:
    found = Pruned(where=WHERE, images=(), kept=1, strange=0, span=14 * 86400, done=False)
    text = page.text(pushed.pruned(found, now=NOW))
    assert text == "Every image in registry.example/team/ciao is needed, or was used in the last 14 d\n1 more stays"


def test_a_cell_lists_them_and_removes_none_where_no_cluster_is_known(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, s2i_registry="registry.example/team", kubeconfig=tmp_path / "none")
    session = Session(settings, backends={"local": Scripted()})
    vars(session).update(_registry=FakeRegistry())
    assert answer("images", session).text.splitlines() == [
        "No images in registry.example/team/ciao yet",
        "which jobs need them is not known: no cluster is known here",
    ]
    assert json.loads(answer("images --json", session).text) == []
    with pytest.raises(BackendError, match="no cluster is known here"):
        answer("images prune --yes", session)
