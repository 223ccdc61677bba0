"""The first cell on a base, in a repository that has nothing of it: append without anything cached, against the mounts.

The other side sends only the requests by which the base's layers are mounted, one for each, as many at a time as append
does. Both sides have a new client, and so a new connection. Two bases show that the size does not matter.
"""

from __future__ import annotations

import asyncio
import statistics

import aiohttp

from benchmarks.on_registries.ground import Ground, built, mounted, ms, strategy, timed
from ciao.s2i.bases import resolve
from ciao.s2i.oci import Base
from ciao.s2i.pushing import _AT_ONCE
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import repository

ROUNDS, LIMIT = 15, 0.080
SIZES = {"30 MB": 30_000_000, "400 MB": 400_000_000}


async def ours(here: Ground, base: str, number: int) -> float:
    """In a repository of its own."""
    client = Client(here.settings())
    try:
        return await built(strategy(here, client, home=f"cold-{number}", path=f"cold/{number}"), base)
    finally:
        await client.close()


async def mounts(here: Ground, base: Base, number: int) -> None:
    into, gate = repository(here.settings(path=f"mounts/{number}")), asyncio.Semaphore(_AT_ONCE)

    async def one(digest: str) -> None:
        async with gate:
            await mounted(session, base.reference, into, digest)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one(blob.digest) for blob in base.blobs))


async def measure(here: Ground) -> bool:
    """In turn, both bases in each round."""
    names = {size: await here.base(f"base-{count}", count) for size, count in SIZES.items()}
    client = Client(here.settings())
    bases = {size: (await resolve(client, name))[0] for size, name in names.items()}
    await client.close()
    found: dict[str, list[tuple[float, float]]] = {size: [] for size in SIZES}
    for number in range(ROUNDS + 1):
        for place, (size, name) in enumerate(names.items()):
            unique = number * len(names) + place
            theirs = await timed(lambda size=size, unique=unique: mounts(here, bases[size], unique))  # type: ignore[misc] # a lambda's defaults
            found[size].append((await ours(here, name, unique), theirs))
    kept = True
    for size, rounds in found.items():
        a, b = (statistics.median(side) for side in zip(*rounds[1:], strict=True))
        over = statistics.median(x - y for x, y in rounds[1:])
        print(f"first cell on a base of {size}: append {ms(a)}, mounting its {len(bases[size].blobs)} layers {ms(b)}")
        print(f"over the mounts, median of {ROUNDS} rounds: {ms(over)} (limit {ms(LIMIT)})")
        kept = kept and over <= LIMIT
    return kept
