"""A job whose replicas say thousands of lines a second, of every kind, and what its log must be: each line once."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import time
from collections.abc import Sequence
from unittest.mock import patch

import pytest

__all__ = ["TIMES", "cell", "moments", "of_replicas", "said", "shown"]

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`, many times in `make soak`."""

_SEED = int(os.environ.get("CIAO_SOAK_SEED") or (time.time() if TIMES > 1 else 0))
"""Told in the name of the test, so that what failed can be repeated."""

CODE = """import os, sys, time
rank = os.environ["RANK"]
for step in range({steps}):
    for i in range({lines}):
        print(rank, "line", {lines} * step + i)
    for percent in (0, 50, 100):
        sys.stdout.write(f"\\r{{rank}} bar {{step}} {{percent}}%")
    sys.stdout.write(f"\\n{{rank}} half of {{step}}")
    sys.stdout.flush()
    time.sleep({pause})
    print(" and the rest")
sys.stdout.write(f"{{rank}} the end without its newline")
"""


def cell(*options: str, workers: int, **measures: float) -> str:
    """``steps`` times so many ``lines``, a progress bar and a line in two halves, with a ``pause`` between these."""
    return "\n".join([*options, f"%worker={workers}", CODE.format(**measures)])


def said(rank: int, **measures: float) -> list[str]:
    """All lines of a replica, in order: what the same code writes here."""
    out = io.StringIO(newline="")
    with patch.dict(os.environ, {"RANK": str(rank)}), patch("time.sleep"), contextlib.redirect_stdout(out):
        exec(CODE.format(**measures), {})
    return re.split(r"[\r\n]+", out.getvalue())


def of_replicas(text: str) -> dict[str, list[str]]:
    """What a shell printed of each replica."""
    found: dict[str, list[str]] = {}
    for replica, line in re.findall(r"^([a-z]+-\d+) +\| (.*?)\r?$", text, re.MULTILINE):
        found.setdefault(replica, []).append(line)
    return found


def shown(text: str, rank: int) -> list[int]:
    """The numbers of a replica's lines in a cell, which shows some of a flood; without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [int(n) for n in re.findall(rf"^worker-{rank} +\| {rank} line (\d+)$", plain, re.MULTILINE)]


def moments(*spans: tuple[float, float], first: int = 0) -> Sequence[object]:
    """Random moments as parameters of a test: TIMES in all, in one span of seconds after the other from the first."""
    chosen = []
    for n in range(TIMES):
        moment = random.Random(f"{_SEED}-{n}").uniform(*spans[(first + n) % len(spans)])
        chosen.append(pytest.param(moment, id=f"seed{_SEED}-{n}-{moment:.3f}s"))
    return chosen
