"""Standard output and error of a shell, which may be a pipe, a file on a full disk or a terminal of any encoding."""

from __future__ import annotations

import io
import os
import sys

from ciao.errors import CiaoError
from ciao.frontends.display.colour import still

__all__ = ["close_quietly", "out", "wants_colour", "write_anything"]

PIECE = 32 * 1024
"""Characters written at once. Of more, an unbuffered stream (PYTHONUNBUFFERED) may write a part and tell nobody."""


def out(text: str) -> None:
    """Write to standard output, at once; to a terminal without what moves its cursor: it may be a stranger's.

    Raises BrokenPipeError if nobody reads any more, CiaoError for a full disk.
    """
    if sys.stdout.isatty():
        text = still(text)
    try:
        for start in range(0, len(text), PIECE):
            sys.stdout.write(text[start : start + PIECE])
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_quietly()
        raise CiaoError(f"standard output cannot be written: {error.strerror}") from error


def wants_colour() -> bool:
    """A terminal, whose user did not say otherwise (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_anything() -> None:
    """A log may hold what the terminal's encoding has no letters for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def close_quietly() -> None:
    """Whoever read our output is gone: nothing is left to say, not even by Python at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
