"""The base images of the test cluster: what is made anew, what is shared, what is kept. No root is needed for that."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import layout, trees
from cluster.errors import ClusterError
from cluster.images import Image
from cluster.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.trees import Tree


@dataclass(frozen=True, kw_only=True)
class Written:
    """One file; no text is a failure."""

    text: str

    def says(self) -> str:
        return self.text

    def fill(self, tree: Tree, progress: Callable[[str], None]) -> None:
        progress("writing")
        trees.run("test", "-n", self.text)
        (tree.root / "file").write_text(self.text)


@dataclass(frozen=True, kw_only=True)
class Rewritten(Written):
    """The same by other code."""

    def fill(self, tree: Tree, progress: Callable[[str], None]) -> None:
        progress("writing again")
        (tree.root / "file").write_text(self.text + self.text)


BASE = Layer(name="base", recipe=Written(text="base"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return layout.cache()


def on_base(text: str) -> Layer:
    return Layer(name="top", recipe=Written(text=text), below=BASE)


def test_a_layer_is_known_by_its_recipe_its_code_and_what_is_below() -> None:
    changed = on_base("two"), Layer(name="top", recipe=Rewritten(text="one"), below=BASE)
    moved = Layer(name="top", recipe=Written(text="one"))
    assert len({one.hash for one in (on_base("one"), *changed, moved)}) == 4
    assert on_base("one").hash == on_base("one").hash


def test_comments_and_layout_of_a_recipe_change_no_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspect.getsource", lambda _: "class Written:\n    text: str")
    before = BASE.hash
    monkeypatch.setattr("inspect.getsource", lambda _: "class Written:  # a file\n\n  text: str")
    assert BASE.hash == before


def test_an_image_names_every_part_by_its_digest_and_every_layer_by_what_is_in_it() -> None:
    image = Image(name="one", layer=on_base("one"), entrypoint=("/file",))
    image.build(print)
    manifest = json.loads((image.folder / "manifest.json").read_text())
    parts = {one["digest"]: (image.folder / one["digest"][7:]).read_bytes() for one in manifest["layers"]}
    config = (image.folder / manifest["config"]["digest"][7:]).read_bytes()
    assert manifest["config"]["digest"] == f"sha256:{hashlib.sha256(config).hexdigest()}"
    assert [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in parts.values()] == list(parts)
    contents = [f"sha256:{hashlib.sha256(gzip.decompress(data)).hexdigest()}" for data in parts.values()]
    assert json.loads(config)["rootfs"]["diff_ids"] == contents


def test_what_two_images_share_is_made_once() -> None:
    told: list[str] = []
    for text in ("one", "two", "one"):
        Image(name=text, layer=on_base(text)).build(told.append)
    assert [line for line in told if "writing" in line] == ["layer base: writing", *["layer top: writing"] * 2]


def test_a_recipe_that_fails_is_told_and_leaves_nothing(cache: Path) -> None:
    with pytest.raises(ClusterError, match="`test -n ` ended with 1"):
        on_base("").build(print)
    assert sorted(path.name for path in (cache / "layers").iterdir()) == ["base-" + BASE.hash, "base.lock", "top.lock"]


def test_the_last_two_of_a_name_stay_in_the_cache(cache: Path) -> None:
    for text in ("one", "two", "one", "three"):
        on_base(text).build(print)
    left = {path for path in (cache / "layers").iterdir() if path.is_dir()}
    assert left == {BASE.folder, on_base("one").folder, on_base("three").folder}
