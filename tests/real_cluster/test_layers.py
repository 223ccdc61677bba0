"""A layer on top of another holds what a command in it changed, and nothing of this machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.images import BUSYBOX
from cluster.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.trees import Tree

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900), pytest.mark.usefixtures("prepared")]


@dataclass(frozen=True, kw_only=True)
class Commanded:
    script: str

    def says(self) -> str:
        return self.script

    def fill(self, tree: Tree, progress: Callable[[str], None]) -> None:
        tree.run("/bin/sh", "-c", self.script)


def test_a_layer_holds_what_a_command_wrote_and_marks_what_it_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    layer = Layer(
        name="top", recipe=Commanded(script="rm /bin/yes; echo one >/bin/no; echo two >/tmp/no"), below=BUSYBOX
    )
    layer.build(print)
    listed = subprocess.run(["tar", "-tzf", layer.packed().file], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["./", "./bin/", "./bin/.wh.yes", "./bin/no"]
