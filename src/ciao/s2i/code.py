"""The layer with the code: the cell, the runner, and what the cell includes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ciao import __version__
from ciao.errors import BundleError
from ciao.home import RUNNER
from ciao.model import CODE, JobSpec, Notice
from ciao.s2i.base import Tell
from ciao.s2i.context import Context
from ciao.s2i.layer import Entry, Layer
from ciao.s2i.layers import pack

__all__ = ["MOST", "MUCH", "about", "check", "code_layer", "command"]

MUCH = 1024**2
"""Bytes of code from which on a person is told: all of it is sent again after each change."""

MOST = 50 * 1024**2
"""Bytes of code that an image takes: more is data, and has better ways."""

BRIEF = 256 * 1024
"""Bytes that are packed in a millisecond: a thread is waited for longer than that."""

_ELSEWHERE = "Put data into a volume, %volume=CLAIM:/data, or into the base image"


@asynccontextmanager
async def code_layer(context: Context, tell: Tell) -> AsyncGenerator[Layer]:
    """The layer, for as long as the block: a temporary file goes with it. Raises BundleError if it is too large."""
    size = check(context, tell)
    entries = [replace(entry, path=f"{CODE[1:]}/{entry.path}") for entry in context.entries]
    if size <= BRIEF:
        yield pack(entries)
        return
    work = asyncio.ensure_future(asyncio.to_thread(pack, entries))
    try:
        yield await asyncio.shield(work)
    finally:
        work.add_done_callback(_discard)  # a thread that still packs when nobody waits for it any more


def about(spec: JobSpec) -> Mapping[str, str]:
    """What labels and annotations tell of the code. No time, no user, no folder: the same code is the same image."""
    return {
        "org.opencontainers.image.title": spec.cell.filename,
        "dev.ciao.code.sha256": spec.code_hash,
        "dev.ciao.version": __version__,
    }


def command(entry: str) -> Sequence[str]:
    """What the image runs by itself, which is what every pod states, too."""
    return ("python3", f"{CODE}/{RUNNER}/__main__.py", "init", f"{CODE}/{entry}")


def check(context: Context, tell: Tell) -> int:
    """The bytes of it. Tells of much code. Raises BundleError for more than an image takes."""
    size = sum(map(_size, context.entries))
    if size > MOST:
        raise BundleError(
            f"the code and what it includes has {size:,} bytes, and an image takes {MOST:,}", hint=_ELSEWHERE
        )
    if size > MUCH:
        text = f"The code and what it includes has {size / MUCH:,.1f} MiB, which are sent again after each change"
        tell(Notice(text=f"{text}. {_ELSEWHERE}.", level="warning"))
    return size


def _size(entry: Entry) -> int:
    if isinstance(entry.source, bytes):
        return len(entry.source)
    try:
        return entry.source.lstat().st_size
    except OSError as error:
        raise BundleError(f"{entry.source} cannot be read: {error.strerror}", hint="Look at its permissions") from None


def _discard(work: asyncio.Future[Layer]) -> None:
    if work.cancelled() or work.exception() is not None:
        return
    content = work.result().content
    if isinstance(content, Path):
        content.unlink(missing_ok=True)
