"""A layer: made once by its recipe on top of the one below, kept under a hash of these, shared by images."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
import os
import re
import shutil
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import layout, locks
from cluster.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.recipes import Recipe

BLOB, FACTS = "layer.tar.gz", "layer.json"
KEPT = 2
"""Of one name that stay in the cache: another branch of this repository may need the second."""


@functools.cache
def _code(recipe: type) -> str:
    """Without comments and layout. Read once: a file that is edited while this process runs is another recipe."""
    return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(recipe))))


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A layer in the cache: its file, the digest of that, and the digest of what is in it."""

    file: Path
    digest: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A name for people, a recipe, and the layer that it is made on."""

    name: str
    recipe: Recipe
    below: Layer | None = None

    @property
    def hash(self) -> str:
        """Of the recipe, its own class's code without comments and layout, and of what is below; of nothing else."""
        parts = [self.recipe.says(), _code(type(self.recipe)), self.below.hash if self.below else ""]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return layout.cache() / "layers" / f"{self.name}-{self.hash}"

    def stack(self) -> Iterator[Layer]:
        """The lowest first, this one last."""
        if self.below:
            yield from self.below.stack()
        yield self

    def packed(self) -> Packed:
        """It, once it is built."""
        return Packed(file=self.folder / BLOB, **json.loads((self.folder / FACTS).read_text()))

    def build(self, progress: Callable[[str], None]) -> None:
        """Have it and all below it in the cache. Of two processes that want it one builds, and the other waits.

        Raises:
            ClusterError: a command of the recipe failed; with the end of what it said.
        """
        if self.below:
            self.below.build(progress)
        lock = self.folder.with_name(f"{self.name}.lock")
        if not self.folder.exists():
            with locks.held(lock, what=f"making the layer {self.name}", progress=progress):
                if not self.folder.exists():
                    self._build(progress)
        used(self.folder)

    def _build(self, progress: Callable[[str], None]) -> None:
        began = time.monotonic()
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        below = tuple(layer.packed().file for layer in self.stack() if layer != self)
        tree = Tree(folder=unfinished / "tree", below=below)
        mask = os.umask(0o022)  # what is made here is for any user
        try:
            tree.make()
            self.recipe.fill(tree, lambda line: progress(f"layer {self.name}: {line}"))
            progress(f"layer {self.name}: packing")
            content = tree.pack(unfinished / BLOB)
            facts = {"digest": _digest(unfinished / BLOB), "content": content}
            (unfinished / FACTS).write_text(json.dumps(facts))
            shutil.rmtree(tree.folder)
            unfinished.rename(self.folder)
        finally:
            os.umask(mask)
            shutil.rmtree(unfinished, ignore_errors=True)
        size = self.packed().file.stat().st_size >> 20
        progress(f"layer {self.name}: made in {time.monotonic() - began:.0f} s, {size} MiB")


def used(folder: Path) -> None:
    """Of the folders of its name, which end in hashes, it and the one that was used before it stay."""
    os.utime(folder, ns=(time.time_ns(),) * 2)  # the system's own time of a file stands still for milliseconds
    name = re.escape(folder.name.rpartition("-")[0])
    found = [path for path in folder.parent.iterdir() if re.fullmatch(rf"{name}-[0-9a-f]{{16}}", path.name)]
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
