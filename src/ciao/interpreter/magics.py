"""The leading block of a cell: which lines are our magics, and the code that is left.

Imports nothing but ``re`` until a line looks like one of ours: every cell that anybody runs passes here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ciao.interpreter.source import BOM, LINE, LINE_END

__all__ = ["Block", "MagicLine", "is_job_cell", "leads", "split"]

_SPACE = re.compile(r"[ \t\f\r\n]*")
_COMMENT = re.compile(r"[ \t\f]*(?:#|\r|\n|\Z)")
_LINE_BODY = re.compile(r"[^\r\n]*")

_KUBEFLOW = re.compile(r"[ \t]*%%?kubeflow(?=[ \t\r\n]|\Z)")
_SHAPE = re.compile(r"[ \t]*%%?[^\W\d][\w.-]*=")
"""``%word=``: IPython takes ``word=`` for the name of a magic, and no magic can have it."""
_SPACED = re.compile(r"[ \t]*%([^\W\d][\w.-]*)[ \t]+=(?!=)")
_BARE = re.compile(r"[ \t]*%([^\W\d][\w.-]*)(?=[ \t\r\n;]|\Z)")


@dataclass(frozen=True, kw_only=True)
class MagicLine:
    """One line of ours, without its end. ``first``: only blank lines are above it."""

    number: int
    text: str
    first: bool


@dataclass(frozen=True, kw_only=True)
class Block:
    """A cell, divided.

    ``code`` is the cell without the text of its magic lines; their line ends stay, so that every line keeps its
    number, and so does a byte order mark. ``begins`` is the number of the first line that is neither magic, blank nor
    comment; None if there is none.
    """

    magics: tuple[MagicLine, ...]
    code: str
    begins: int | None


def is_job_cell(text: str) -> bool:
    """Whether the first line that is neither blank nor a comment is one of our magics."""
    start = len(BOM) * text.startswith(BOM)
    while True:
        start = _SPACE.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too
        if not text.startswith("#", start):
            return leads(text, start)
        start = _LINE_BODY.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too


def leads(text: str, start: int = 0) -> bool:
    """Whether the line that begins here makes a cell a job cell.

    ``%word=`` does even if we have no such option: IPython could not run it either, and our error is the better one.
    With a space before the ``=`` only a name that we have does.
    """
    if _KUBEFLOW.match(text, start) or _SHAPE.match(text, start):
        return True
    spaced = _SPACED.match(text, start)
    return spaced is not None and _known(spaced[1])


def split(text: str) -> Block:
    """Divide a cell. Of a text that is no job cell, all is code."""
    magics: list[MagicLine] = []
    code = [text[: len(BOM)] if text.startswith(BOM) else ""]
    first = True
    for number, start, line in _numbered(text):
        body = LINE_END.sub("", line)
        if leads(body) or (magics and _goes_on(body)):
            magics.append(MagicLine(number=number, text=body, first=first))
            code.append(_left_of(line, len(body), after=code[-1]))
        elif _COMMENT.match(line):
            code.append(line)
        else:
            return Block(magics=tuple(magics), code="".join(code) + text[start:], begins=number)
        first = first and not line.strip()
    return Block(magics=tuple(magics), code="".join(code), begins=None)


def _left_of(line: str, length: int, *, after: str) -> str:
    """A magic line's end. Where a CR above and an LF would become one line end, a space stays between them."""
    end = line[length:]
    return f" {end}" if end == "\n" and after.endswith("\r") else end


def _numbered(text: str) -> Iterator[tuple[int, int, str]]:
    begin = len(BOM) * text.startswith(BOM)
    for number, match in enumerate(LINE.finditer(text, begin), start=1):
        yield number, match.start(), match[0]


def _goes_on(line: str) -> bool:
    """Whether a line belongs to the block once it has begun: also ``%wroker = 2``, and ``%worker`` without a value."""
    bare = _BARE.match(line)
    return _SPACED.match(line) is not None or (bare is not None and _known(bare[1]))


def _known(name: str) -> bool:
    from ciao.interpreter.options import RESOURCES, find

    return find(name) is not None or name in RESOURCES
