"""What may come next on a command line: commands, options, names of jobs and of their replicas. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ciao.commands.table import BY_NAME, COMMANDS, Command
from ciao.model import Summary

__all__ = ["Completions", "complete", "wants_jobs"]


class Completions(NamedTuple):
    """The words that may stand from ``start`` to the cursor."""

    start: int
    words: tuple[str, ...]


def wants_jobs(line: str) -> bool:
    """Whether the names of jobs matter to what :func:`complete` says of this line up to the cursor."""
    words, last = _split(line)
    command = BY_NAME.get(words[0]) if words else None
    return command is not None and not last.startswith("-") and bool(command.arguments)


def complete(line: str, jobs: Sequence[Summary] = ()) -> Completions:
    """For the text after ``%ciao``, up to the cursor."""
    words, last = _split(line)
    return Completions(len(line) - len(last), tuple(w for w in _candidates(words, last, jobs) if w.startswith(last)))


def _split(line: str) -> tuple[list[str], str]:
    """The words before the one at the cursor, and what there is of that one."""
    *words, last = line.split() if line[-1:].strip() else [*line.split(), ""]
    return words, last


def _candidates(words: Sequence[str], last: str, jobs: Sequence[Summary]) -> Sequence[str]:
    offered = [c.name for c in COMMANDS if c.where == "both"]
    if not words:
        return offered
    command = BY_NAME.get(words[0])
    if command is None:
        return ()
    if last.startswith("-"):
        return [o for o in command.options if o not in words]
    if words[-1] in _with_value(command):
        return ()
    return _positional(command, list(_places(command, words[1:])), offered, jobs)


def _with_value(command: Command) -> frozenset[str]:
    """The options after which a word belongs to them."""
    return frozenset(a.name for a in command.arguments if a.is_option and a.value)


def _places(command: Command, words: Sequence[str]) -> Iterator[str]:
    """The words that are no options, nor values of options."""
    for before, word in zip(("", *words), words, strict=False):
        if not word.startswith("-") and before not in _with_value(command):
            yield word


def _of_cells() -> Sequence[str]:
    """What else has a page of help."""
    from ciao.commands.help import OPTIONS
    from ciao.interpreter.options import words

    return [OPTIONS, *dict.fromkeys(n for n in words() if "." not in n)]


def _positional(
    command: Command, before: Sequence[str], offered: Sequence[str], jobs: Sequence[Summary]
) -> Sequence[str]:
    expected = [a.name for a in command.arguments if not a.is_option]
    match expected[len(before) : len(before) + 1]:
        case ["JOB"]:
            open_only = command.name in ("cancel", "attach", "stacks")
            running = [s.job.name for s in jobs if not s.phase.ended]
            return running if open_only and running else [s.job.name for s in jobs]
        case ["REPLICA"]:
            return next((s.job.replicas for s in jobs if s.job.name.startswith(before[0])), ())
        case ["COMMAND"]:
            return [*offered, *_of_cells()]
        case _:
            return ()
