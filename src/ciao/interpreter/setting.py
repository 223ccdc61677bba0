"""One option, as a cell states it."""

from __future__ import annotations

from dataclasses import dataclass

from ciao.interpreter.source import Span

__all__ = ["Setting"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One option as stated. ``name`` is its full name, such as ``worker.cpu`` for a ``%cpu`` behind ``%worker``."""

    name: str
    value: str
    name_span: Span
    value_span: Span
