"""What one check of ``ciao doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at. ``fix`` is what to do, and empty if all is well."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    words: str
    fix: str = ""
