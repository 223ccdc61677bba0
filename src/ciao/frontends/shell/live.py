"""How far the code of a job is, as one line on standard error: replaced where that is a terminal, else said anew."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ciao.frontends.display.packing import Progress
from ciao.frontends.display.traceback import printable
from ciao.model import Packing

__all__ = ["Live"]

EVERY = 0.5
"""Seconds between two drawings of a line of which only the numbers differ."""

ERASE = "\r\x1b[K"


class Live:
    """``hear`` and ``end`` may be called in any thread, and so may all else."""

    def __init__(self, *, replaces: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._replaces = _is_terminal() if replaces is None else replaces
        self._clock = clock
        self._lock = threading.RLock()
        self._progress = Progress()
        self._drawn = False
        self._key = ""
        self._drawn_at = 0.0

    def hear(self, packing: Packing) -> None:
        """Take note; :meth:`tick` shows it."""
        with self._lock:
            self._progress.hear(packing, self._clock())

    def tick(self) -> None:
        """Show what there is to show now."""
        with self._lock:
            shown, now = self._progress.shown(self._clock()), self._clock()
            new = shown is not None and shown.key != self._key
            if shown is None or not (new or (self._replaces and now - self._drawn_at >= EVERY)):
                return
            self._key, self._drawn_at = shown.key, now
            self._draw(printable(shown.text))

    def end(self) -> str:
        """The code is there: one line about what took long, or nothing."""
        with self.paused():
            return self._progress.end(self._clock())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The line is away while something else is written."""
        with self._lock:
            if self._drawn:
                self._drawn = False
                self._write(ERASE)
            yield

    def _draw(self, text: str) -> None:
        if not self._replaces:
            self._write(f"{text}\n")
            return
        self._drawn = True
        self._write(f"{ERASE}{text[: shutil.get_terminal_size().columns - 1]}")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
