"""``ciao help``: how to begin, the commands, each of them, and the options of a cell. Text, from the two tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ciao.commands.table import BY_NAME, COMMANDS, SYNONYMS, Command
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
    return _of_cells(name, prefix)


def _of_settings(name: str, prefix: str) -> str:
    """By its key or its variable; empty for a name that is none of theirs."""
    from ciao.settings import SETTINGS

    found = next((s for s in SETTINGS if name.lower() in (s.key.lower(), s.variable.lower())), None)
    if found is None:
        return ""
    where = (
        f"In ~/.ciao/config.yaml as {found.key}, or as {found.variable}" if found.in_files else f"As {found.variable}"
    )
    default = f" Default: {found.default}." if found.default else ""
    return f"{found.key}, a setting\n\n{found.doc}.\n{where}.{default} '{prefix} config' shows all settings."


def _of_cells(name: str, prefix: str) -> str:
    """Imported only here: the table of options is larger than all commands together."""
    from ciao.interpreter import explanation, options, synonyms

    if name == OPTIONS:
        return explanation.help_text()
    option = options.described(name.lstrip("%").partition("=")[0])
    if option is not None:
        return explanation.page(option)
    if setting := _of_settings(name, prefix):
        return setting
    near = (
        _part(name, prefix)
        or did_you_mean(name, (*BY_NAME, OPTIONS), synonyms=SYNONYMS)
        or _setting(name)
        or did_you_mean(name, options.words(), synonyms=synonyms.SYNONYMS)
    )
    raise CommandError(f"there is no command {name!r}, and no option", hint=near or f"Try '{prefix} help'")


def _part(name: str, prefix: str) -> str:
    """Of a word that is a part of a command."""
    whole = (c.name for c in COMMANDS for a in c.arguments if name in a.choices)
    return next((f"Try '{prefix} help {command}'" for command in whole), "")


def _setting(name: str) -> str:
    """Of a word that is the end of a setting's key."""
    from ciao.settings import SETTINGS

    found = [s.key for s in SETTINGS if s.key.lower().endswith(f".{name.lower()}")]
    return f"Did you mean {found[0]}?" if len(found) == 1 else ""


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
    yield f"'{prefix} help COMMAND' explains one. A job's name may be cut short while it stays the only one,"
    yield "or the only one that runs; to delete a job, the only one of all."


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
