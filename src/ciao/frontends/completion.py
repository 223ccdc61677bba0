"""Completion of magic lines, through IPython's matchers: in every frontend, job running or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["explained", "install"]

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
    from ciao import interpreter

    return interpreter.explain(text, position)


def _matches(context: CompletionContext) -> Any:
    """IPython's answer: nothing beside ours on a magic line of ours, nothing from us elsewhere."""
    from IPython.core.completer import SimpleCompletion

    position = _position(context)
    if not _on_magic_line(context.full_text, position):
        return {"completions": []}
    from ciao import interpreter

    found = interpreter.complete(context.full_text, position)
    return {
        "completions": [SimpleCompletion(text=c.text, type="magic") for c in found.candidates],
        "matched_fragment": context.full_text[found.start : position],
        "suppress": bool(found.candidates),
        "ordered": True,
    }


def _position(context: CompletionContext) -> int:
    """The cursor as an offset in the text; IPython has it by line and column."""
    lines = context.full_text.split("\n")
    return sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position


def _on_magic_line(text: str, position: int) -> bool:
    start = text.rfind("\n", 0, position) + 1
    return text[start:position].lstrip(" \t\ufeff").startswith("%")


def _nothing() -> None:
    pass
