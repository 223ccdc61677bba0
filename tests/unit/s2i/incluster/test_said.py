"""What builders say, as a person reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from ciao.s2i.incluster.running import LONGEST, _split
from ciao.s2i.incluster.said import clean, step_of


def test_a_line_of_kaniko_is_its_message() -> None:
    line = rb'time="2026-11-23T09:18:43Z" level=info msg="RUN echo \"a\""'
    assert clean(line) == 'RUN echo "a"'


def test_a_warning_of_kaniko_says_that_it_is_one() -> None:
    assert clean(b'time="x" level=warning msg="no good"') == "warning: no good"


def test_colours_and_bells_are_no_part_of_a_line() -> None:
    assert clean(b"\x1b[36mINFO\x1b[0m\x07 done\r") == "INFO done"


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("#7 [stage-0 2/3] RUN pip install x", "[stage-0 2/3] RUN pip install x"),
        ("#7 12.345 Collecting einops", "Collecting einops"),
        ("#1 [internal] load build definition from Dockerfile", ""),
        ("#6 sha256:abc 1.2MB / 3MB", ""),
        ("#6 DONE 1.5s", ""),
        ("#5 FROM r.example/ciao@sha256:" + "a" * 64, "FROM r.example/ciao"),
        ("Unpacking rootfs as cmd RUN x requires it.", "Unpacking rootfs as cmd RUN x requires it."),
        ("Applying label a=b", ""),
    ],
)
def test_of_a_line_the_step_is_told_and_nothing_that_is_for_machines(line: str, step: str) -> None:
    assert step_of(line) == step


async def test_a_line_without_an_end_is_not_kept() -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        for _ in range(100):
            yield b"x" * 10_000
        yield b"\nthe last\n"

    lines = [line async for line in _split(endless())]
    assert (len(lines[0]), lines[1]) == (LONGEST, "the last")
