"""A replica's exception as text that looks like IPython's traceback of a cell. Pure.

The text is made from the record itself and not by raising it again in invented frames: IPython's own formatter
reads source files, guesses at variables and has failed on what it could not parse; here everything that is to be
shown is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from ciao.frontends.display.turns import called, runs
from ciao.model import Failure, Frame, Outcome, RemoteError

__all__ = ["CellSource", "bounded", "echoes", "printable", "render"]

WIDTH = 75  # IPython's
NUMBERS = 7  # columns for the arrow and the line number, as IPython has it
AROUND = 2  # lines of source above and below
CHAIN_LIMIT = 8
LINE_LIMIT = 400

BY_FROM = "The above exception was the direct cause of the following exception:"
BY_CONTEXT = "During handling of the above exception, another exception occurred:"

VALUE_LINES, VALUE_LAST, VALUE_LIMIT = 60, 10, 8_000  # of a message: lines, those at its end, characters
MEMBER_LINES, MEMBER_DEPTH, MEMBER_FRAMES = 120, 4, 3  # of an exception group

CONTROL = re.compile(
    r"\x1b(?!\[[0-9;]*m)"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@dataclass(frozen=True, kw_only=True)
class CellSource:
    """The cell as the user sees it: its label, such as ``Cell In[7]``, and its lines (none if not known)."""

    label: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of IPython's tracebacks, which frontends know; all empty without colour."""

    red: str = ""
    green: str = ""
    cyan: str = ""
    bold: str = ""
    off: str = ""


COLOURS = Palette(red="\x1b[31m", green="\x1b[32m", cyan="\x1b[36m", bold="\x1b[1m", off="\x1b[0m")


def printable(text: str) -> str:
    """The text without what moves a terminal's cursor, sets its title or turns letters round; colours may stay."""
    return CONTROL.sub("\ufffd", text)


def bounded(text: str) -> str:
    """A message, without the middle of a very long one: the replica's log has all of it."""
    lines = text.split("\n")
    if len(lines) > VALUE_LINES:
        left = len(lines) - VALUE_LINES
        mark = f"[... {left:,} more lines in the log ...]"
        text = "\n".join([*lines[: VALUE_LINES - VALUE_LAST], mark, *lines[-VALUE_LAST:]])
    if len(text) > VALUE_LIMIT:
        half = VALUE_LIMIT // 2
        text = f"{text[:half]}\n[... {len(text) - 2 * half:,} more characters in the log ...]\n{text[-half:]}"
    return text


def render(error: RemoteError, cell: CellSource, *, replica: str, colour: bool) -> list[str]:
    """Blocks of text, oldest cause first, to be joined by newlines."""
    ink = COLOURS if colour else Palette()
    blocks = [f"{ink.red}{'-' * WIDTH}{ink.off}"]
    chain = _chain(error)
    for step, one in enumerate(chain):
        blocks.append(_heading(one, ink))
        blocks += _frames(one, cell, replica, ink)
        blocks += [_verdict(one, ink), *_members(one, cell, replica, ink)]
        if step < len(chain) - 1:
            blocks.append(f"\n{BY_FROM if chain[step + 1].by_from else BY_CONTEXT}\n")
    return blocks


def echoes(outcome: Outcome) -> list[str]:
    """One line for all replicas that failed for one and the same reason, and one for each earlier attempt.

    A replica that failed with the first one's very words has the same fault: nobody's death was its cause. Of other
    words only those that tell of a lost peer are put down to the first.
    """
    first = outcome.failure and _reason(outcome.failure)
    lines = [f"the same in {_names(alike)}"] if (alike := [f for f in outcome.others if _reason(f) == first]) else []
    others = sorted((f for f in outcome.others if _reason(f) != first), key=_why)
    for (echo, (ename, evalue)), same in groupby(others, key=_why):
        lines.append(f"{_names(same)} failed {'because of it' if echo else 'too'}: {_one_line(ename, evalue)}")
    for number, failure in enumerate(outcome.previous, start=1):
        lines.append(f"attempt {number} failed in {failure.place}: {_one_line(failure.ename, failure.evalue)}")
    return lines


def _chain(error: RemoteError) -> list[RemoteError]:
    chain = [error]
    while chain[0].cause is not None and len(chain) < CHAIN_LIMIT:
        chain.insert(0, chain[0].cause)
    return chain


def _heading(error: RemoteError, ink: Palette) -> str:
    name = printable(error.ename)
    return f"{ink.red}{name}{ink.off}{'Traceback (most recent call last)':>{max(35, WIDTH - len(name))}}"


def _verdict(error: RemoteError, ink: Palette) -> str:
    text = bounded(printable(error.evalue))
    head = f"{ink.red}{printable(error.ename)}{ink.off}"
    return "\n".join([f"{head}: {text}" if text else head, *(bounded(printable(note)) for note in error.notes)])


def _frames(error: RemoteError, cell: CellSource, replica: str, ink: Palette) -> Iterator[str]:
    for part in runs(error.frames, error.gap):
        if isinstance(part, str):
            yield f"    {ink.red}[... {printable(part)}]{ink.off}\n"
        else:
            yield from (_frame(frame, cell, replica, ink) for frame in part)


def _members(error: RemoteError, cell: CellSource, replica: str, ink: Palette) -> Iterator[str]:
    """What a group holds, each with the lines where it was raised; not more than a page of it."""
    lines = list(islice(_tree(error, cell, replica, ink, depth=1), MEMBER_LINES + 1))
    yield from lines[:MEMBER_LINES]
    if len(lines) > MEMBER_LINES:
        yield "    [... more in the log ...]"


def _tree(error: RemoteError, cell: CellSource, replica: str, ink: Palette, *, depth: int) -> Iterator[str]:
    indent = "    " * depth
    for number, one in enumerate(error.exceptions, start=1):
        first, *rest = _verdict(one, ink).split("\n")
        yield f"{indent}{number}. {first}"
        yield from (f"{indent}   {line}" for line in rest)
        own = [frame for frame in one.frames if frame.in_cell] or one.frames[-1:]
        for frame in own[-MEMBER_FRAMES:]:
            yield f"{indent}   {_place(frame, cell, replica, ink)}{_line(frame, cell)}"
        if one.cause is not None:
            words = "caused by" if one.by_from else "raised while handling"
            yield f"{indent}   {words} {_one_line(one.cause.ename, one.cause.evalue)}"
        if depth < MEMBER_DEPTH:
            yield from _tree(one, cell, replica, ink, depth=depth + 1)
    if error.left_out:
        yield f"{indent}[... {error.left_out:,} more in the log ...]"


def _line(frame: Frame, cell: CellSource) -> str:
    lines, first = _lines(frame, cell)
    at = frame.line - first
    return f": {printable(lines[at].strip())[:LINE_LIMIT]}" if 0 <= at < len(lines) else ""


def _frame(frame: Frame, cell: CellSource, replica: str, ink: Palette) -> str:
    return f"{_place(frame, cell, replica, ink)}\n" + "".join(_source(frame, cell, ink))


def _place(frame: Frame, cell: CellSource, replica: str, ink: Palette) -> str:
    if frame.in_cell:
        place = f"{ink.green}{cell.label}, line {frame.line}{ink.off}"
    else:
        place = f"{ink.cyan}File {ink.green}{replica}:{printable(frame.file)}:{frame.line}{ink.off}"
    return f"{place}{_inside(frame.function, ink)}"


def _lines(frame: Frame, cell: CellSource) -> tuple[Sequence[str], int]:
    """The source that is known, and the number of its first line."""
    return (cell.lines, 1) if frame.in_cell and cell.lines else (frame.source, frame.first_line)


def _inside(function: str, ink: Palette) -> str:
    if function == "<module>":
        return ""
    return f", in {ink.cyan}{printable(called(function))}{ink.off}"


def _source(frame: Frame, cell: CellSource, ink: Palette) -> Iterator[str]:
    lines, first = _lines(frame, cell)
    at = frame.line - first
    if not 0 <= at < len(lines):
        return
    start, stop = max(0, at - AROUND), min(len(lines), at + AROUND + 1)
    shown = [printable(line.rstrip("\r\n"))[:LINE_LIMIT] for line in lines[start:stop]]
    for number, line in zip(range(first + start, first + stop), _highlighted(shown, ink), strict=True):
        if number == frame.line:
            arrow = "-" * max(1, NUMBERS - len(str(number)) - 2) + "> "
            yield f"{ink.green}{arrow}{number}{ink.off} {line}\n"
            if frame.column:
                yield f"{' ' * (NUMBERS + frame.column)}{ink.red}^{ink.off}\n"
        else:
            yield f"{ink.green}{number:>{NUMBERS}}{ink.off} {line}\n"


def _highlighted(lines: list[str], ink: Palette) -> list[str]:
    if not ink.off:
        return lines
    from pygments import highlight  # type: ignore[import-untyped]  # published without types
    from pygments.formatters import TerminalFormatter  # type: ignore[import-untyped]  # published without types
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]  # published without types

    coloured = highlight("\n".join(lines), PythonLexer(stripnl=False, ensurenl=False), TerminalFormatter()).split("\n")
    return coloured if len(coloured) == len(lines) else lines


def _reason(failure: Failure) -> tuple[str, str]:
    """In words; of memory without how far beyond its limit each one was when it was ended."""
    memory = failure.ename == "OOMKilled"
    return failure.ename, failure.evalue.partition(":")[0] if memory else failure.evalue


def _why(failure: Failure) -> tuple[bool, tuple[str, str]]:
    return failure.secondary, _reason(failure)


def _names(failures: Iterable[Failure]) -> str:
    names = [f.place for f in failures]
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def _one_line(ename: str, evalue: str) -> str:
    first = printable(evalue.strip().partition("\n")[0])
    cut = first if len(first) <= 200 else first[:199] + "…"
    return f"{printable(ename)}: {cut}" if cut else printable(ename)
