"""``ciao help``: how to begin, the commands, each of them, and the options of a cell. Text, from the two tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ciao.commands.table import BY_NAME, COMMANDS, Command
from ciao.errors import CommandError, did_you_mean

__all__ = ["OPTIONS", "help_text"]

OPTIONS = "options"
"""What to ask for to see the options of a cell."""


def help_text(name: str | None = None, *, in_cell: bool = False) -> str:
    """Help of one command, of an option, of all ``options``, or how to begin. Raises CommandError for what is none."""
    prefix = "%ciao" if in_cell else "ciao"
    if name is None:
        return "\n".join(_overview(prefix, in_cell=in_cell))
    if name in BY_NAME:
        return "\n".join(_one(BY_NAME[name], prefix))
    return _of_cells(name)


def _of_cells(name: str) -> str:
    """Imported only here: the table of options is larger than all commands together."""
    from ciao.interpreter import explanation, options

    if name == OPTIONS:
        return explanation.help_text()
    option = options.described(name.lstrip("%").partition("=")[0])
    if option is not None:
        return explanation.page(option)
    near = did_you_mean(name, (*BY_NAME, OPTIONS)) or did_you_mean(name, options.full_names())
    raise CommandError(f"there is no command {name!r}, and no option", hint=near or "Try 'ciao help'")


def _overview(prefix: str, *, in_cell: bool) -> Iterator[str]:
    yield "Ciao: a notebook cell becomes a distributed training job."
    yield ""
    yield "A cell that begins with lines such as these runs as a job, any other as ordinary Python:"
    yield ""
    yield "    %framework=pytorch"
    yield "    %worker=2;%cpu=1;%memory=1Gi"
    yield ""
    yield "Commands:"
    offered = [c for c in COMMANDS if c.where == "both" or not in_cell]
    yield from _columns([(f"{prefix} {c.name}", c.summary) for c in offered])
    yield ""
    yield f"'{prefix} help options' lists what such lines may say; '{prefix} help worker' explains one of these."
    yield f"'{prefix} help COMMAND' explains one. A job's name may be cut short while it stays the only one."


def _one(command: Command, prefix: str) -> Iterator[str]:
    yield f"{prefix} {command.usage}"
    yield ""
    yield f"{command.summary}."
    if command.doc:
        yield command.doc
    if command.arguments:
        yield ""
        yield from _columns([(_spelling(a.name, a.short, a.value), a.doc) for a in command.arguments])


def _spelling(name: str, short: str, value: str) -> str:
    return ", ".join(s for s in (name, short) if s) + (f" {value}" if value else "")


def _columns(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max(len(left) for left, _ in rows)
    return (f"  {left:<{width}}  {right}" for left, right in rows)
