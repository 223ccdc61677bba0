"""Where statements begin in text that may not be Python: strings, brackets and continued lines are passed over.

Used only once the compiler has refused the code, to find the line of a notebook's own syntax. A compiler cannot say:
after ``!echo "`` it reports whatever the open quote swallowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Statement", "statements"]

Statement = tuple[int, str]
"""The number of its first line, and that line without its end."""

_TOKEN = re.compile(
    r'''
      (?P<long>   """[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?:"""|\\?\Z)
                | \'\'\'[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*(?:\'\'\'|\\?\Z) )
    | (?P<short>  "[^"\\\r\n]*(?:\\(?:\r\n|.)[^"\\\r\n]*)*(?:"|(?=[\r\n])|\\?\Z)
                | '[^'\\\r\n]*(?:\\(?:\r\n|.)[^'\\\r\n]*)*(?:'|(?=[\r\n])|\\?\Z) )
    | (?P<comment>\#[^\r\n]*)
    | (?P<joined> \\(?:\r\n|\r|\n))
    | (?P<end>    \r\n|\r|\n)
    | (?P<open>   [(\[{])
    | (?P<close>  [)\]}])
    | (?P<other>  [^'"\#\r\n\\()\[\]{}]+|\\)
    ''',
    re.VERBOSE | re.DOTALL,
)
_LINE_BODY = re.compile(r"[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")


def statements(code: str) -> Iterator[Statement]:
    """Every line on which a statement may begin."""
    number, pos, depth, fresh = 1, 0, 0, True
    while pos < len(code):
        if fresh:
            yield number, _LINE_BODY.match(code, pos)[0]  # type: ignore[index]  # it matches nothing, too
        token = _TOKEN.match(code, pos)
        if token is None:  # cannot be, but a loop must end
            return
        pos, kind = token.end(), token.lastgroup
        depth = max(0, depth + (kind == "open") - (kind == "close"))
        if kind in ("end", "joined", "long", "short"):
            number += len(_LINE_END.findall(token[0]))
        fresh = kind == "end" and depth == 0
