"""What is sent piece by piece, and let go of whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry.bodies import Body, Pieces, grouped, pieces_of

BIG = bytes(range(256)) * 4_000  # four pieces


async def opened(body: Body) -> bytes:
    return b"".join([piece async for piece in body])


async def test_a_body_is_read_again_from_its_beginning_and_says_so() -> None:
    sent: list[int] = []
    body = Body(lambda: pieces_of(BIG), len(BIG), sent=sent.append)
    async with body.sending(silence=9, answer=9):
        assert await opened(body) == BIG
        assert await opened(body) == BIG
    assert sent == [0, 262_144, 524_288, 786_432, len(BIG)] * 2


async def test_sources_are_closed_at_the_end_whoever_still_reads_them() -> None:
    closed: list[int] = []

    async def source() -> Pieces:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.append(len(closed))

    body = Body(source, 10**9)
    async with body.sending(silence=9, answer=9):
        reader = asyncio.ensure_future(opened(body))
        for _ in range(5):
            await asyncio.sleep(0)
        reader.cancel()  # as aiohttp does, and it does not wait
    assert closed == [0]
    with suppress(asyncio.CancelledError):
        await reader


async def test_a_source_that_nobody_reads_to_its_end_is_closed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(BIG)
    source = pieces_of(tmp_path / "f")
    body = Body(lambda: source, len(BIG))
    async with body.sending(silence=9, answer=9):
        assert BIG.startswith(await anext(aiter(body)))
    with pytest.raises(StopAsyncIteration):
        await anext(source)


@pytest.mark.parametrize("size", [len(BIG) - 1, len(BIG) + 1])
async def test_a_source_of_another_size_is_an_error(size: int) -> None:
    body = Body(lambda: pieces_of(BIG), size)
    async with body.sending(silence=9, answer=9):
        with pytest.raises(BundleError, match="has changed meanwhile"):
            await opened(body)
    assert body.failure is not None


async def test_where_nothing_moves_it_ends() -> None:
    body = Body(lambda: pieces_of(BIG), len(BIG))
    with pytest.raises(TimeoutError):
        async with body.sending(silence=0.01, answer=9):
            await asyncio.Event().wait()


async def test_after_the_last_byte_the_registry_may_think() -> None:
    body = Body(lambda: pieces_of(BIG), len(BIG))

    async def send() -> None:
        async with body.sending(silence=900, answer=0.01):
            await opened(body)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await send()


@pytest.mark.parametrize("size", [1000, 300_000, len(BIG), len(BIG) + 1])
async def test_groups_are_all_of_it_in_their_size(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(BIG)
    async with aclosing(pieces_of(tmp_path / "f")) as pieces, aclosing(grouped(pieces, size)) as groups:
        found = [group async for group in groups]
    assert b"".join(found) == BIG
    assert {len(group) for group in found[:-1]} <= {size}
