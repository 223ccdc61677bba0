"""Why a replica waits, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["MOMENT", "Waiting", "cut"]

MOMENT = 30.0
"""Seconds for what heals by itself in a young namespace or on a busy node."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Why a replica waits. ``code`` is Kubernetes' word, ``fix`` what to do.

    ``patience`` is after how many seconds it counts as what cannot heal; infinite for what can. ``quiet`` are seconds
    for which it is not worth a word.
    """

    code: str
    words: str
    fix: str = ""
    patience: float = math.inf
    quiet: float = 0.0


def cut(text: str) -> str:
    """As much of a foreign text as belongs into a line."""
    return text if len(text) <= 300 else f"{text[:300]} ..."
