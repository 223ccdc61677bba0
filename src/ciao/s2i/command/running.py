"""One program of the user's machine: its output line by line, its end, and its early end when nobody waits any more."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["GRACE", "KEPT", "Ended", "run"]

GRACE = 5.0
"""Seconds that a program has to end by itself, and to take away what it made, when nobody waits any more."""

KEPT = 400
"""Lines of its output that are kept, the last ones."""

LONGEST = 2000
"""Characters of one line."""

_PIECE = 65536
_BREAKS = re.compile(r"[\r\n]+")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]|[\x00-\x08\x0b-\x1f\x7f]")


class Ended(Exception):
    """It ended with another code than 0. ``lines`` are the last that it said."""

    def __init__(self, code: int, lines: Sequence[str]) -> None:
        super().__init__(code)
        self.code = code
        self.lines = tuple(lines)


async def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    heard: Callable[[str], None] = lambda _: None,
    grace: float = GRACE,
) -> tuple[str, ...]:
    """Run it to its end; returns the last lines that it said, on whichever of its two outputs.

    It has no input, and a process group of its own. Whoever stops to wait ends that group: it is asked first, and what
    is left of it after ``grace`` is killed. Raises Ended, and OSError if it cannot be started.
    """
    kept: deque[str] = deque(maxlen=KEPT)
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
        cwd=folder,
        start_new_session=True,
    )
    try:
        async for line in _lines(process):
            kept.append(line)
            heard(line)
        code = await process.wait()
    except BaseException:
        await _ended(process, grace)
        raise
    if code:
        raise Ended(code, kept)
    return tuple(kept)


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    """Without colours; a bar that is drawn again and again is one line each time."""
    assert process.stdout is not None  # noqa: S101 # it was asked for
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while piece := await process.stdout.read(_PIECE):
        *whole, rest = _BREAKS.split(rest + decoder.decode(piece))
        for line in whole:
            if clean := _clean(line):
                yield clean
        rest = rest[-LONGEST:]
    if clean := _clean(rest):
        yield clean


def _clean(line: str) -> str:
    return _COLOURS.sub("", line).rstrip()[:LONGEST]


async def _ended(process: asyncio.subprocess.Process, grace: float) -> None:
    """A second cancellation is impatience: it is killed at once.

    Without a timeout of asyncio's: where a task is being cancelled, it ends as that, before Python 3.11.3.
    """
    leaving = asyncio.ensure_future(process.wait())
    try:
        _signal(process, signal.SIGTERM)
        await asyncio.wait([leaving], timeout=grace)
    finally:
        _signal(process, signal.SIGKILL)  # also what it started and did not wait for
        await leaving


def _signal(process: asyncio.subprocess.Process, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, which)
