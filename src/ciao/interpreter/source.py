"""Where something stands in the text of a cell.

Lines are Python's: they end with LF, CRLF or CR and nothing else. ``str.splitlines`` also cuts at form feeds and
Unicode separators, which would make our line numbers differ from those of a traceback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ciao.errors import CodeError, OptionError

__all__ = ["BOM", "Span", "at", "clip", "clipped", "line_at", "lines"]

BOM = "\ufeff"
"""A byte order mark. One, at the very start of a cell, is no part of the first line; columns do not count it."""

LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, kw_only=True)
class Span:
    """Some characters of one line. ``line`` and ``column`` count from 1; ``source`` is the line without its end."""

    line: int
    column: int
    width: int
    source: str

    def option_error(self, message: str, hint: str = "") -> OptionError:
        """An error of a magic line, here."""
        return OptionError(message, hint=hint, line=self.line, column=self.column, width=self.width, source=self.source)

    def code_error(self, message: str, hint: str = "") -> CodeError:
        """An error of the code, here."""
        return CodeError(message, hint=hint, line=self.line, column=self.column, width=self.width, source=self.source)


def lines(text: str) -> list[str]:
    """The lines of a text with their ends, as Python counts them."""
    return LINE.findall(text)


def line_at(text: str, number: int) -> str:
    """The line of this number, without its end; empty if there is none."""
    start = 0
    for _ in range(number - 1):
        end = LINE_END.search(text, start)
        if end is None:
            return ""
        start = end.end()
    end = LINE_END.search(text, start)
    return text[start : end.start() if end else len(text)].removeprefix(BOM if number == 1 else "")


def at(text: str, offset: int, *, width: int = 1) -> Span:
    """The place of one character of the text."""
    ends = list(LINE_END.finditer(text, 0, offset))
    start = ends[-1].end() if ends else len(BOM) * text.startswith(BOM)
    number = len(ends) + 1
    return Span(line=number, column=max(1, offset - start + 1), width=width, source=line_at(text, number))


def clipped(*, line: int, column: int, width: int, text: str) -> Span:
    """A place as a compiler told it, moved into the text if it lies outside."""
    last = max(1, len(LINE_END.findall(text)) + (not text.endswith(("\r", "\n"))))
    number = min(max(1, line), last)
    source = line_at(text, number)
    begin = min(max(1, column), len(source) + 1)
    return Span(line=number, column=begin, width=max(1, min(width, len(source) - begin + 1)), source=source)


def clip(value: str) -> str:
    """A value as messages show it: in quotes, with escapes, and not too long."""
    return repr(value if len(value) <= 40 else value[:39] + "…")
