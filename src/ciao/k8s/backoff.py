"""Pauses between attempts that failed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Backoff", "Pace"]

_DOUBLINGS = 16  # more would only make numbers that no float holds


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Time and chance, so that tests have both in hand. ``now`` is in seconds since the epoch."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random
    now: Callable[[], float] = time.time


class Backoff:
    """How long to wait after one failure more, with full jitter: thousands that failed at once do not return at once.

    The range doubles with each failure in a row, from ``shortest`` to ``longest`` seconds.
    """

    def __init__(self, pace: Pace, *, shortest: float = 0.5, longest: float = 30.0) -> None:
        self.failures = 0
        self._pace = pace
        self._shortest = shortest
        self._longest = longest

    def failed(self, *, at_least: float = 0.0) -> float:
        """The pause in seconds. ``at_least``: what the server asked for."""
        within = min(self._longest, self._shortest * (1 << min(self.failures, _DOUBLINGS)))
        self.failures += 1
        return at_least + within * self._pace.random()

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self.failures = 0
