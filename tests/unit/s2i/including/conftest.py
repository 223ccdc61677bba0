"""Trees of files as notebooks have beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ciao.s2i.including.reading import Included, include

Tree = Callable[[Mapping[str, str | bytes]], Path]
Include = Callable[..., Included]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebook's."""
    path = tmp_path / "notebook"
    path.mkdir()
    return path


@pytest.fixture
def tree(folder: Path) -> Tree:
    """Writes files below the notebook's folder, by their paths there."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return write


@pytest.fixture
def included(folder: Path) -> Include:
    """What the words of a cell include, seen from that folder."""
    return lambda *words, here=False: include(words, folder, code=10, here=here)


def paths(found: Included) -> list[str]:
    return [entry.path for entry in found.entries]
