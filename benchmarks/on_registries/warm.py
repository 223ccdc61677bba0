"""A changed cell on a base that is known: append, in process, against its own five requests sent bare.

Both sides send two blobs at the same time, each with a POST and a PUT, and then the manifest, over connections that are
kept open. The bare side has every byte and digest made beforehand; append packs, hashes, writes documents and pushes.
The base is named by its digest, as that of a tag takes a sixth request.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp

from benchmarks.on_registries.ground import Ground, built, ms, sent, spec, strategy, timed
from ciao.s2i.bases import resolve
from ciao.s2i.code import about, code_layer, command
from ciao.s2i.context import gather
from ciao.s2i.oci import Image, appended
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.names import repository

ROUNDS, LIMIT = 60, 1.2

Pair = tuple[float, float]


async def image(here: Ground, client: Client, base: str) -> Image:
    """As append makes it of a cell that nobody has seen before."""
    asked = spec()
    (below,) = await resolve(client, base)
    context = await gather(asked, here.settings(), lambda _: None)
    async with code_layer(context, lambda _: None) as layer:
        return appended(below, [layer], about=about(asked), command=command(context.entry))


async def bare(session: aiohttp.ClientSession, here: Ground, one: Image, number: int) -> None:
    into = repository(here.settings())
    (layer,) = one.layers
    assert isinstance(layer.content, bytes)
    blobs = ((layer.content, layer.digest), (one.config, one.config_descriptor.digest))
    await asyncio.gather(*(sent(session, into, content, digest) for content, digest in blobs))
    url = f"http://{into.host}/v2/{into.repository}/manifests/bare-{number}"
    async with session.put(url, data=one.manifest, headers={"Content-Type": one.base.media_type}) as answer:
        assert answer.status == 201, await answer.text()


async def pair(append: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[None]], number: int) -> Pair:
    """Seconds of both; each goes first in every other round."""
    early = await append() if number % 2 else 0.0
    theirs = await timed(bare)
    return early or await append(), theirs


async def measure(here: Ground) -> bool:
    """In turn."""
    base = await here.base("base", 30_000_000)
    client = Client(here.settings())
    append = strategy(here, client)
    try:
        async with aiohttp.ClientSession() as session:
            images = [await image(here, client, base) for _ in range(ROUNDS + 3)]
            for one in images[ROUNDS:]:
                await built(append, base)
                await bare(session, here, one, ROUNDS + images.index(one))
            rounds = [
                await pair(lambda: built(append, base), partial(bare, session, here, one, number), number)
                for number, one in enumerate(images[:ROUNDS])
            ]
    finally:
        await client.close()
    ours, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"changed cell to its image: append {ms(ours)}, its five requests bare {ms(theirs)}")
    print(f"ratio, median of {ROUNDS} rounds: {ratio:.2f} (limit {LIMIT}); of the medians {ours / theirs:.2f}")
    return ratio <= LIMIT
