"""How far the code is on its way, in words. Pure: the time is an argument.

What takes less than a second is never shown.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ciao.frontends.display.colour import plain
from ciao.model import Packing

__all__ = ["Progress", "Shown", "amount"]

SILENT = 1.0
"""Seconds from the first step on for which nothing is shown, and that a step must take to be told of in the end."""

LONG = 3.0
"""Seconds from which on a line about it stays."""

WINDOW = 3.0
"""Seconds over which the rate is measured."""

QUARTERS = 4
"""Where a line cannot be replaced, so many are shown of one step."""

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class Shown(NamedTuple):
    """``key`` is the words without what changes all the time."""

    text: str
    key: str


class Progress:
    """Of one job. Times are those of any clock that goes on."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._entered = 0.0
        self._now: Packing | None = None
        self._samples: deque[tuple[float, int]] = deque()
        self._steps: dict[str, tuple[float, int]] = {}

    def hear(self, packing: Packing, now: float) -> None:
        """Take note of a step, or of how far it is."""
        if self._began is None:
            self._began = now
        if self._now is None or packing.step != self._now.step:
            self._leave(now)
            self._entered = now
        self._now = packing
        if packing.done is not None:
            self._measure(packing.done, now)

    def shown(self, now: float) -> Shown | None:
        """The words of this moment; None before a second is over, and at the end."""
        if self._now is None or self._began is None or now - self._began < SILENT:
            return None
        step, done, total = plain(self._now.step), self._now.done, self._now.total
        parts = [_of(done, total)] if done is not None else []
        if (rate := self._rate(now)) > 0:
            parts.append(f"{amount(rate)}/s")
        quarter = f" {done * QUARTERS // total}" if done is not None and total else ""
        return Shown(text=f"{step}: {', '.join(parts)}" if parts else step, key=f"{step}{quarter}")

    def end(self, now: float) -> str:
        """One line about what took long; empty if nothing did. Nothing is shown from then on."""
        self._leave(now)
        took = 0.0 if self._began is None else now - self._began
        self._began, self._now = None, None
        long = [_told(step, seconds, most) for step, (seconds, most) in self._steps.items() if seconds >= SILENT]
        self._steps.clear()
        return f"packed in {took:.1f} s" + (f": {', '.join(long)}" if long else "") if took >= LONG else ""

    def _leave(self, now: float) -> None:
        """The step is over."""
        if self._now is not None:
            seconds, most = self._steps.get(self._now.step, (0.0, 0))
            self._steps[self._now.step] = (seconds + now - self._entered, most + (self._now.done or 0))
        self._samples.clear()

    def _measure(self, done: int, now: float) -> None:
        if self._samples and done < self._samples[-1][1]:  # it began anew
            self._samples.clear()
        self._samples.append((now, done))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW:
            self._samples.popleft()

    def _rate(self, now: float) -> float:
        """Bytes a second; 0 while it is not known."""
        if not self._samples:
            return 0.0
        (begin, before), (_, done) = self._samples[0], self._samples[-1]
        return (done - before) / (now - begin) if now - begin >= SILENT else 0.0


def amount(size: float) -> str:
    """Bytes for people: ``24 MB``, ``1.5 GB``, ``900 B``."""
    factor, unit = _unit(size)
    return f"{_number(size / factor)} {unit}"


def _of(done: int, total: int | None) -> str:
    """``12 of 50 MB``: both in the unit of the larger."""
    if not total:
        return amount(done)
    factor, unit = _unit(total)
    return f"{_number(min(done, total) / factor)} of {_number(total / factor)} {unit}"


def _unit(size: float) -> tuple[float, str]:
    return next(((factor, unit) for factor, unit in UNITS if size >= factor), (1.0, "B"))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


def _told(step: str, seconds: float, done: int) -> str:
    return f"{plain(step)} ({seconds:.1f} s{f', {amount(done)}' if done else ''})"
