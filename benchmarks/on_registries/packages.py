"""Packages: the first use of a set against ``pip install --target``, and a cell on the cached set against one without.

The base is Debian's Python. Both installers begin with an empty cache and write to the same disk; ours also looks what
the base has, and pushes an image. Later cells find that image by its name.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.on_registries.ground import Ground, built, ms, strategy
from ciao.s2i.registry.client import Client
from cluster import checks, images, registry

SET = ("requests==2.32.3", "pandas==2.2.3")
ROUNDS, FIRST, LIMIT = 15, 2, 2.0


@contextmanager
def nothing_cached(here: Ground, name: str) -> Iterator[None]:
    """For uv and pip, whichever of the two is called."""
    before = dict(os.environ)
    os.environ |= {
        "UV_CACHE_DIR": str(here.folder / f"uv-{name}"),
        "XDG_CACHE_HOME": str(here.folder / f"cache-{name}"),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def first(here: Ground, base: str, number: int) -> float:
    """Ours, in a repository of its own, by a client of its own."""
    client = Client(here.settings())
    try:
        with nothing_cached(here, f"ours-{number}"):
            append = strategy(here, client, home=f"first-{number}", path=f"first/{number}")
            return await built(append, base, packages=(" ".join(SET),))
    finally:
        await client.close()


def theirs(here: Ground, number: int) -> float:
    """Into a folder. What it would take to push that is not counted."""
    target = here.folder / f"pip-{number}"
    call = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    began = time.perf_counter()
    subprocess.run([*call, "--target", str(target), *SET], check=True)
    took = time.perf_counter() - began
    shutil.rmtree(target)
    return took


async def measure(here: Ground) -> bool:
    """In turn."""
    if reason := checks.why_not():
        print(f"not measured: the base image {reason}")
        return True
    images.PYTHON.build(lambda line: print(line, file=sys.stderr))
    base = registry.push_to(here.address, images.PYTHON)
    firsts = [(await first(here, base, number), theirs(here, number)) for number in range(FIRST)]
    a, b = (statistics.median(side) for side in zip(*firsts, strict=True))
    print(f"first use of {' '.join(SET)}: append {ms(a)}, pip install --target {ms(b)} (limit: no more than that)")
    client = Client(here.settings())
    try:
        append, given = strategy(here, client), (" ".join(SET),)
        for _ in range(3):
            await built(append, base, packages=given)
            await built(append, base)
        rounds = [(await built(append, base, packages=given), await built(append, base)) for _ in range(ROUNDS)]
    finally:
        await client.close()
    with_them, without = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(x / y for x, y in rounds)
    print(f"changed cell on cached packages: {ms(with_them)}, without any {ms(without)}")
    print(f"ratio, median of {ROUNDS} rounds: {ratio:.2f} (limit {LIMIT})")
    return ratio <= LIMIT and a <= b
