"""What a test of a frontend leaves behind is put away: every session has a thread and an event loop of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ciao.session
from ciao.engine import Engine


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the engines of the sessions that a test makes: three open files each, and a kernel never closes its own."""
    made: list[Engine] = []

    def engine() -> Engine:
        made.append(Engine())
        return made[-1]

    monkeypatch.setattr(ciao.session, "Engine", engine)
    yield
    for one in made:
        one.close()
