"""Logs that are longer than what is kept of them, written by a real supervisor."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest

from ciao.backends.base import Backend
from ciao.backends.local.backend import Local
from ciao.home import JobFolder
from ciao.logs.rotation import LEAST
from ciao.model import Lines, Phase
from ciao.settings import Settings
from fakes.told import Create, Ran, Spec

ROUNDS, LINES = 40, 2_000
CODE = f"""import time
from pathlib import Path
for turn in range({ROUNDS}):
    print("\\n".join(f"{{turn}} {{n:05}} some words" for n in range({LINES})), flush=True)
    while not Path(f"seen{{turn}}").exists():
        time.sleep(0.002)
"""
ALL = [f"{turn} {n:05} some words" for turn in range(ROUNDS) for n in range(LINES)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, keep_log=LEAST)


@pytest.fixture
def backend(settings: Settings) -> Backend:
    return Local(settings)


async def test_a_follower_has_every_line_of_a_long_log_and_a_later_one_is_told_what_is_missing(
    job: Create, spec: Spec, backend: Backend, settings: Settings
) -> None:
    name = await job(spec(CODE, workers=1))
    folder = JobFolder.of(settings.home, name)
    followed = []
    async with aclosing(backend.watch(name)) as events:
        async for event in events:
            followed.append(event)
            if isinstance(event, Lines) and event.lines[-1].text.endswith(f" {LINES - 1:05} some words"):
                (folder.work / f"seen{event.lines[-1].text.split()[0]}").touch()
    assert Ran(followed).outcome.phase is Phase.SUCCEEDED
    assert Ran(followed).lines("worker-0") == ALL
    assert sum(path.stat().st_size for path in folder.logs.iterdir()) <= LEAST
    async with aclosing(backend.watch(name)) as events:
        events_later = [event async for event in events]
    later = Ran(events_later).lines("worker-0")
    (told,) = (line for line in later if "not kept here" in line)
    cut = later.index(told)
    assert later[:cut] == ALL[:cut]
    assert later[cut + 1 :] == ALL[cut + 1 - len(later) :]
    assert min(cut, len(later) - cut) >= LINES
    lost = sum(event.lost for event in events_later if isinstance(event, Lines))
    assert f"{lost:,} bytes are not kept here" in told
    assert not any(event.lost for event in followed if isinstance(event, Lines))
