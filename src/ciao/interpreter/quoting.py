"""Words and their quotes in a magic line."""

from __future__ import annotations

import re

from ciao.interpreter.magics import MagicLine
from ciao.interpreter.source import Span

__all__ = ["LAST", "NEXT", "rest", "skip", "span_of", "unfinished", "word"]

_SPACE = re.compile(r"[ \t]*")
NEXT = re.compile(r";[ \t]*(?=%)")
LAST = re.compile(r";(?=[ \t]*(?:[ \t]#|\Z))")
_PIECE = re.compile(
    r"""(?P<plain>[^ \t'"\\;]+|;) | \\(?P<escaped>.) | '(?P<single>[^']*)' | "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)" """,
    re.VERBOSE | re.DOTALL,
)


def word(magic: MagicLine, begin: int, name: str, *, option: bool) -> tuple[str, int]:
    """The value that begins here, and where it ends."""
    parts: list[str] = []
    pos, text = begin, magic.text
    while pos < len(text) and text[pos] not in " \t":
        if option and (NEXT.match(text, pos) or (LAST.match(text, pos) and not name.startswith("env."))):
            break
        piece = _PIECE.match(text, pos)
        if piece is None:
            raise unfinished(magic, pos)
        parts.append(_meant(piece))
        pos = piece.end()
    return "".join(parts), pos


def rest(magic: MagicLine, begin: int, name: str) -> tuple[str, int]:
    """The words from here to the next option, a comment or the line's end, quoted as they are; and where they end."""
    end, text = begin, magic.text
    while True:
        start = skip(text, end)
        if start == len(text) or (text[start] == "#" and start > end) or _ends_option(text, start):
            return text[begin:end], end
        if text[start] == "%" and end > begin:
            raise span_of(magic, start, len(text.rstrip())).option_error(
                f"the words of {name} end here", "Write ; before the next %"
            )
        _, end = word(magic, start, name, option=True)


def _ends_option(text: str, pos: int) -> bool:
    return NEXT.match(text, pos) is not None or LAST.match(text, pos) is not None


def _meant(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return re.sub(r'\\(["\\])', r"\1", piece["double"])
    return piece["plain"] or piece["escaped"] or piece["single"] or ""


def unfinished(magic: MagicLine, pos: int) -> Exception:
    """The error of what would need another line, or a quote."""
    if magic.text[pos] == "\\":
        return span_of(magic, pos, pos + 1).option_error(
            "a magic line ends at its line's end", "Remove the backslash; a second %kubeflow line may follow"
        )
    return span_of(magic, pos, len(magic.text)).option_error(
        "this quote is not closed", f"Close it, or write it as \\{magic.text[pos]}"
    )


def skip(text: str, pos: int) -> int:
    """Behind the spaces that begin here, if any do."""
    return _SPACE.match(text, pos).end()  # type: ignore[union-attr]  # it matches nothing, too


def span_of(magic: MagicLine, start: int, end: int) -> Span:
    """A part of the line, as errors show it."""
    return Span(line=magic.number, column=start + 1, width=max(1, end - start), source=magic.text)
