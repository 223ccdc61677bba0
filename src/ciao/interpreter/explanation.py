"""Help, as pages of text, from the table."""

from __future__ import annotations

import re

from ciao.interpreter.completion import cursor_line
from ciao.interpreter.nearest import listed
from ciao.interpreter.option import YES, Option
from ciao.interpreter.options import OPTIONS, SECTIONS, described

__all__ = ["explain", "help_text", "page"]

_OPTION = re.compile(r"%{0,2}([^\W\d][\w./-]*)(?:[ \t]*=[ \t]*(?:'[^']*'?|\"[^\"]*\"?|[^\s;'\"]+)?)?")

_INTRODUCTION = """\
A cell whose first lines are magics such as these becomes a job; every other cell is ordinary Python.

    %framework=pytorch
    %worker=2;%cpu=1;%memory=1Gi

    %kubeflow framework=pytorch worker=2 worker.cpu=1 worker.memory=1Gi

    %%kubeflow framework=pytorch worker=2

The three spellings mean the same. A value is quoted as in a shell. %ciao help worker explains one option."""


def explain(text: str, cursor: int) -> str | None:
    """The page of the option under the cursor, or None."""
    found = cursor_line(text, cursor)
    if found is None:
        return None
    line, column = found
    for match in _OPTION.finditer(line):
        if match.start() <= column <= match.end():
            if match[1] == "kubeflow":
                return help_text()
            option = described(match[1])
            return page(option) if option else None
    return None


def page(option: Option[object]) -> str:
    """All that is known of one option."""
    width = max((len(choice.value) for choice in option.choices), default=0)
    rows = [
        f"%{option.name}={option.metavar}: {option.meaning}.",
        "",
        option.help,
        *(f"  {choice.value:<{width}}  {choice.meaning}" for choice in option.choices),
        "",
        f"Example: {option.example}",
        f"Default: {option.default}",
        *([f"For: {listed(option.frameworks)}"] if option.frameworks else []),
    ]
    if option.local != YES:
        rows.append(f"On this machine: {option.local}")
    return "\n".join(rows)


def help_text() -> str:
    """The whole language on one page."""
    width = max(len(f"{o.name}={o.metavar}") for o in OPTIONS) + 1
    parts = [_INTRODUCTION]
    for title, options in SECTIONS.items():
        rows = [f"  %{f'{o.name}={o.metavar}':<{width}} {o.meaning}" for o in options]
        parts.append("\n".join([f"{title}:", *rows]))
    return "\n\n".join(parts)
