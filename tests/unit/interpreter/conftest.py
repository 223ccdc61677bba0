from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.errors import CellError
from ciao.interpreter.reading import read
from ciao.model import Cell, JobSpec
from ciao.settings import Settings

SETTINGS = Settings(home=Path("/nowhere"))


@pytest.fixture
def spec() -> Callable[..., JobSpec]:
    """Reads a text as the cell In[7]."""

    def reads(text: str, settings: Settings = SETTINGS) -> JobSpec:
        return read(Cell(text=text, number=7), settings=settings)

    return reads


@pytest.fixture
def error(spec: Callable[..., JobSpec]) -> Callable[..., CellError]:
    """The error of a text."""

    def fails(text: str, settings: Settings = SETTINGS) -> CellError:
        with pytest.raises(CellError) as caught:
            spec(text, settings)
        return caught.value

    return fails
