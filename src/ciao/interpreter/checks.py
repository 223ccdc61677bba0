"""The code is looked at before anything is created: what cannot run is an error at its line."""

from __future__ import annotations

import ast
import re
import warnings

from ciao.errors import CodeError
from ciao.interpreter.magics import Block
from ciao.interpreter.notebook import first_foreign
from ciao.interpreter.source import BOM, Span, at, clip, clipped, line_at

__all__ = ["check_characters", "check_code"]

_COOKIE = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_NO_CODE = re.compile(r"[ \t\f]*(?:#|\Z)")
_UTF8 = re.compile(r"utf[-_]?8(?:[-_].*)?|u8", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOP_LEVEL = re.compile(
    r"'(await|async for|async with)' outside (?:async )?function|asynchronous comprehension outside"
)


def check_characters(text: str) -> None:
    """Every character can be written to a file and read by Python."""
    if lone := _SURROGATE.search(text):
        raise at(text, lone.start()).code_error(
            f"the character \\u{ord(lone[0]):04x} is half of a pair and cannot be written as UTF-8",
            "Remove it, or write it as an escape in a string",
        )
    if "\0" in text:
        raise at(text, text.index("\0")).code_error(
            "the cell has a NUL character, which Python does not read", r"Remove it, or write \0 in a string"
        )


def check_code(block: Block, *, filename: str, foreign: bool) -> None:
    """Raise CodeError for code that cannot run.

    ``foreign``: another Python runs it, perhaps another version. What this one takes for a syntax error is then none
    of ours; what no Python takes still is.
    """
    if block.begins is None:
        last = block.magics[-1]
        raise Span(line=last.number, column=1, width=len(last.text), source=last.text).code_error(
            "there is no code below the magic lines", "Write the code to be run below them"
        )
    _check_cookie(block.code)
    refused = _compiled(block.code.removeprefix(BOM), filename)
    if refused is None:
        return
    until = None if foreign or not isinstance(refused, SyntaxError) else refused.lineno
    if found := first_foreign(block.code, until=until):
        raise found
    error = _explained(refused, block, foreign=foreign)
    if error is not None:
        raise error


def _compiled(code: str, filename: str) -> Exception | None:
    """What the compiler says against the code. Warnings are for those who run it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
            return error
    return None


def _explained(refused: Exception, block: Block, *, foreign: bool) -> CodeError | None:
    """The compiler's error in our words; None if another Python might see it otherwise."""
    if isinstance(refused, SyntaxError) and _awaits_at_top(refused, block.code.removeprefix(BOM)):
        return _place(refused, block).code_error(
            "a job's code is a program, so it cannot await outside of a function",
            "Put it into async def main(): ... and call asyncio.run(main())",
        )
    if foreign:
        return None
    if isinstance(refused, SyntaxError):
        return _place(refused, block).code_error(f"the code has a syntax error: {_words(refused)}")
    begins = block.begins or 1
    span = clipped(line=begins, column=1, width=len(line_at(block.code, begins)), text=block.code)
    if isinstance(refused, (MemoryError, RecursionError)):
        return span.code_error(
            "the code is nested too deeply for Python", "Split the longest expression into several statements"
        )
    return span.code_error(f"Python cannot compile the code: {refused}")


def _words(refused: SyntaxError) -> str:
    return (refused.msg or "invalid syntax").rstrip(".")


def _place(refused: SyntaxError, block: Block) -> Span:
    line, column = refused.lineno or block.begins or 1, refused.offset or 1
    ends = refused.end_lineno or line
    width = len(block.code) if ends > line else (refused.end_offset or 0) - column
    return clipped(line=line, column=column, width=width, text=block.code)


def _awaits_at_top(refused: SyntaxError, code: str) -> bool:
    """Whether the error is one that a notebook, which allows ``await`` anywhere, would not have."""
    if not _TOP_LEVEL.match(refused.msg or ""):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
            return False
    return True


def _check_cookie(code: str) -> None:
    """A coding cookie of another encoding: the code is UTF-8 wherever it goes."""
    for number in (1, 2):
        line = line_at(code, number)
        cookie = _COOKIE.match(line)
        if cookie and not _UTF8.fullmatch(cookie[1]):
            span = Span(line=number, column=cookie.start(1) + 1, width=len(cookie[1]), source=line)
            raise span.code_error(
                f"the code is sent as UTF-8, not as {clip(cookie[1])}", "Remove the comment, or write utf-8"
            )
        if not _NO_CODE.match(line):
            return
