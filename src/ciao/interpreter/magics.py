"""The leading block of a cell: which lines are our magics, and the code that is left.

Imports nothing but ``re`` until a line looks like one of ours: every cell that anybody runs passes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ciao.interpreter.source import BOM, LINE, LINE_END

__all__ = ["WORDS", "Block", "MagicLine", "is_job_cell", "leads", "split", "wrapper"]

_SPACE = re.compile(r"[ \t\f\r\n]*")
_COMMENT = re.compile(r"[ \t\f]*(?:#|\r|\n|\Z)")
_LINE_BODY = re.compile(r"[^\r\n]*")

_KUBEFLOW = re.compile(r"[ \t]*%%?kubeflow(?=[ \t\r\n]|\Z)")
_SHAPE = re.compile(r"[ \t]*%%?[^\W\d][\w./-]*=")
"""``%word=``: IPython takes ``word=`` for the name of a magic, and no magic can have it."""
_SPACED = re.compile(r"[ \t]*%([^\W\d][\w./-]*)[ \t]+=(?!=)")
_BARE = re.compile(r"[ \t]*%([^\W\d][\w./-]*)(?=[ \t\r\n;:]|\Z)")
_COMPARED = re.compile(r"[ \t]*==")
_WRAPPER = re.compile(r"[ \t]*(%%(?:time|timeit|capture|prun|debug))(?=[ \t\r\n]|\Z)[^\r\n]*")
"""IPython's magics that run the cell below them; any other may only keep its text, as ``%%writefile`` does."""

WORDS = frozenset(
    {"framework", "backend", "name", "cleanPolicy", "timeout", "retries", "env", "background", "python"}
    | {"namespace", "kind", "runtime", "image", "ttl", "queue", "priority", "nproc", "elastic", "secret", "volume"}
    | {"package", "include", "s2i", "dockerfile"}
    | {"patch", "master", "chief", "launcher", "worker", "ps", "evaluator", "cpu", "memory", "gpu", "ephemeral-storage"}
)
"""How the names of options begin. The table itself is not imported for a cell of IPython's magics; a test compares."""

Taken = Callable[[str], bool]
"""Whether IPython has a line magic of this name."""


def _free(_: str) -> bool:
    return False


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


def is_job_cell(text: str, taken: Taken = _free) -> bool:
    """Whether the first line that is neither blank nor a comment is one of our magics.

    It may stand below a magic of IPython's that would run the cell: that is an error, and ours is the better one.
    """
    start = len(BOM) * text.startswith(BOM)
    while True:
        start = _SPACE.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too
        if around := _WRAPPER.match(text, start):
            start = around.end()
        elif not text.startswith("#", start):
            return leads(text, start, taken=taken)
        else:
            start = _LINE_BODY.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too


def wrapper(line: str) -> str:
    """The magic of IPython's that would run the cell below it, such as ``%%time``; empty if the line is none."""
    around = _WRAPPER.match(line)
    return around[1] if around else ""


def leads(text: str, start: int = 0, *, taken: Taken = _free) -> bool:
    """Whether the line that begins here makes a cell a job cell.

    ``%word=`` does even if we have no such option: IPython could not run it either, and our error is the better one.
    With a space before the ``=``, or with none (``%framework jax``), only a name that we have and IPython has not.
    """
    if _KUBEFLOW.match(text, start) or _SHAPE.match(text, start):
        return True
    if spaced := _SPACED.match(text, start):
        return _known(spaced[1])
    bare = _BARE.match(text, start)
    return bare is not None and not _COMPARED.match(text, bare.end()) and _known(bare[1]) and not taken(bare[1])


def split(text: str) -> Block:
    """Divide a cell. Of a text that is no job cell, all is code."""
    magics: list[MagicLine] = []
    wrapped = is_job_cell(text)
    code = [text[: len(BOM)] if text.startswith(BOM) else ""]
    first = True
    for number, start, line in _numbered(text):
        body = LINE_END.sub("", line)
        if leads(body) or (magics and _goes_on(body)) or (wrapped and _wraps(body, magics)):
            magics.append(MagicLine(number=number, text=body, first=first))
            code.append(_left_of(line, len(body), after=code[-1]))
        elif _COMMENT.match(line):
            code.append(line)
        else:
            return Block(magics=tuple(magics), code="".join(code) + text[start:], begins=number)
        first = first and not line.strip()
    return Block(magics=tuple(magics), code="".join(code), begins=None)


def _wraps(body: str, magics: list[MagicLine]) -> bool:
    """Whether a line above the block is one of IPython's wrappers. Below, one is code, and an error there."""
    return _WRAPPER.match(body) is not None and (not magics or bool(wrapper(magics[0].text)))


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
    first, dot, _ = name.partition(".")
    if first not in WORDS or (first == "env" and not dot):
        return False
    from ciao.interpreter.options import find, of_role

    return find(name) is not None or of_role(name) is not None
