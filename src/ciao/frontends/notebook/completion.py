"""Completion of magic lines, through IPython's matchers: in every frontend, job running or not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["explained", "install"]

COMMAND = re.compile(r"[ \t]*%%?ciao[ \t]+(.*)")
COMMAND_LINE = re.compile(r"[ \t]*%%?ciao(?=[ \t]|\Z)(.*)")

FIRST = 1000  # before IPython's own matchers, which know nothing of options


def install(shell: InteractiveShell) -> Callable[[], None]:
    """Add our matcher; return how to take it out again. IPython older than 8.6 has no such matchers."""
    try:
        from IPython.core.completer import context_matcher
    except ImportError:
        return _nothing
    matcher = context_matcher(identifier="ciao", priority=FIRST)(_matches)
    matchers = shell.Completer.custom_matchers
    matchers.append(matcher)
    return lambda: matchers.remove(matcher)


def explained(text: str, position: int) -> str | None:
    """What the option or command at this place means; None if there is none."""
    if not _on_magic_line(text, position):
        return None
    start = text.rfind("\n", 0, position) + 1
    if command := COMMAND_LINE.match(text[start:].partition("\n")[0]):
        return _help(command[1])
    from ciao import interpreter

    return interpreter.explain(text, position)


def _help(asked: str) -> str:
    """For ``%ciao <asked>``: what it would show with ``--help``, or what is wrong with it.

    Never nothing: Python, asked next, would explain its own ``help`` and ``print``.
    """
    from ciao.commands.help import help_text
    from ciao.errors import CommandError

    words = [word for word in asked.split() if not word.startswith("-")]
    if words[:1] == ["help"]:
        words = words[1:]
    try:
        return help_text(words[0] if words else None, in_cell=True)
    except CommandError as error:
        return str(error)


def _matches(context: CompletionContext) -> Any:
    """What may replace the text from some point to the cursor.

    Nothing else is offered there, except where IPython's own magics may be meant: ``%tim`` is ``%timeout``, or
    ``%timeit``.
    """
    from IPython.core.completer import SimpleCompletion

    text, position = context.full_text, _position(context)
    if not _on_magic_line(text, position):
        return {"completions": []}
    start, words = _candidates(text, position)
    return {
        "completions": [SimpleCompletion(text=word, type="magic") for word in words],
        "matched_fragment": text[start:position],
        "suppress": bool(words) and (not text.startswith("%", start) or text[:start].lstrip().startswith("%")),
        "ordered": True,
    }


def _candidates(text: str, position: int) -> tuple[int, Sequence[str]]:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    if command := COMMAND.match(line):
        start, words = _of_command(command[1])
        return position - len(command[1]) + start, words
    from ciao import interpreter

    found = interpreter.complete(text, position)
    return found.start, [c.text for c in found.candidates]


def _of_command(asked: str) -> tuple[int, Sequence[str]]:
    """For ``%ciao <asked>``; where the settings cannot be read, jobs have no names but commands still do."""
    from ciao.commands.completion import complete
    from ciao.errors import CiaoError
    from ciao.frontends.command import completions
    from ciao.frontends.notebook.magics import current_session

    try:
        session = current_session()
    except CiaoError:
        return complete(asked, ())
    return completions(asked, len(asked), session)


def _position(context: CompletionContext) -> int:
    """The cursor as an offset in the text; IPython has it by line and column."""
    lines = context.full_text.split("\n")
    return sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position


def _on_magic_line(text: str, position: int) -> bool:
    start = text.rfind("\n", 0, position) + 1
    return text[start:position].lstrip(" \t\ufeff").startswith("%")


def _nothing() -> None:
    pass
