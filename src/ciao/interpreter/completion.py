"""What can be written at the cursor, from the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter.cluster_options import CLUSTER, KIND
from ciao.interpreter.cluster_values import TRAINJOB
from ciao.interpreter.job_options import JOB
from ciao.interpreter.magics import split
from ciao.interpreter.options import OF_A_ROLE, find
from ciao.interpreter.packing_options import PACKING
from ciao.interpreter.role_options import COUNTS
from ciao.interpreter.source import BOM, LINE_END
from ciao.model import Role

__all__ = ["Candidate", "Completions", "complete", "cursor_line"]

_KUBEFLOW = re.compile(r"[ \t]*%%?kubeflow[ \t]")
_STATED = re.compile(r"(?<![\w.-])([^\W\d][\w./-]*)[ \t]*=[ \t]*['\"]?([\w.-]*)")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One text to put in, and what it means in one line."""

    text: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Completions:
    """Texts that may replace the characters from ``start`` to ``end`` (offsets in the cell)."""

    start: int
    end: int
    candidates: tuple[Candidate, ...] = ()


def complete(text: str, cursor: int) -> Completions:
    """What fits at the cursor; nothing below the leading block, where cells are Python. Never raises."""
    cursor = min(max(0, cursor), len(text))
    found = cursor_line(text, cursor)
    if found is None:
        return Completions(start=cursor, end=cursor)
    line, column = found
    head = line[:column]
    words = _KUBEFLOW.match(head) is not None
    begin = 1 + (max(head.rfind(" "), head.rfind("\t")) if words else head.rfind("%"))
    name, equals, value = head[begin:].partition("=")
    if equals and not words and (beside := _beside(name.strip(), value)) is not None:
        typed, offered = beside
    elif equals:
        typed, offered = value.lstrip(" \t"), _values(name.strip(), _stated(text, line))
    elif words:
        typed, offered = name, _words(name, _stated(text, line))
    else:
        begin -= head[: begin - 1].endswith("%") and not head[: begin - 2].strip()  # %%kubeflow
        typed, offered = head[begin - 1 :], _names(head, _stated(text, line))
    small = typed.lower()
    fitting = tuple(c for c in offered if c.text.lower().startswith(small) and c.text != typed)
    return Completions(start=cursor - len(typed), end=cursor, candidates=fitting)


def cursor_line(text: str, cursor: int) -> tuple[str, int] | None:
    """The magic line in which the cursor stands, also an unfinished one, and the offset in it; else None."""
    cursor = min(max(0, cursor), len(text))
    start = max(text.rfind("\n", 0, cursor), text.rfind("\r", 0, cursor)) + 1
    start = max(start, len(BOM) * text.startswith(BOM))
    end = LINE_END.search(text, start)
    line = text[start : end.start() if end else len(text)]
    if cursor < start or not line.lstrip(" \t").startswith("%") or split(text[:start]).begins is not None:
        return None
    return line, cursor - start


def _stated(text: str, line: str) -> dict[str, str]:
    """What the cell states already, as far as it can be read while it is being written."""
    magics = [magic.text for magic in split(text).magics]
    return {match[1]: match[2] for source in (*magics, line) for match in _STATED.finditer(source)}


def _names(head: str, stated: dict[str, str]) -> Iterator[Candidate]:
    """In a line of ``%`` options: behind a role what it may state, then all that is not stated yet."""
    on_line = {match[1] for match in _STATED.finditer(head)}
    behind = OF_A_ROLE if any(role in on_line for role in COUNTS) else {}
    yield from (Candidate(text=f"%{n}=", meaning=o.meaning) for n, o in behind.items() if n not in on_line)
    for c in _options(stated):
        if c.text[:-1] not in behind:
            yield Candidate(text=f"%{c.text}", meaning=c.meaning)
    if not on_line:
        yield from (
            Candidate(text=f"{percent}kubeflow ", meaning="a job in one line: framework=NAME worker=COUNT ...")
            for percent in ("%", "%%")
        )


def _beside(name: str, value: str) -> tuple[str, Iterator[Candidate]] | None:
    """Behind a value that is complete: what may follow it on its line; None if the value is still being written."""
    before, space, typed = value.lstrip(" \t").rpartition(" ")
    option = find(name)
    if not (before and space and option and option.beside) or "=" in typed:
        return None
    known = ((other, find(other)) for other in option.beside if f"{other}=" not in before)
    return typed, (Candidate(text=f"{other}=", meaning=found.meaning) for other, found in known if found)


def _words(typed: str, stated: dict[str, str]) -> Iterator[Candidate]:
    """In a ``%kubeflow`` line: options that are not stated yet, and what the roles that are may state."""
    yield from _options(stated)
    for role in _roles(stated):
        if role in stated or typed.startswith(f"{role}."):
            for name, option in OF_A_ROLE.items():
                if f"{role}.{name}" not in stated:
                    yield Candidate(text=f"{role}.{name}=", meaning=option.meaning)


def _options(stated: dict[str, str]) -> Iterator[Candidate]:
    framework = stated.get("framework")
    for option in (*JOB, *PACKING, *CLUSTER, *(COUNTS[role] for role in _roles(stated))):
        if option.family:
            yield Candidate(text=option.family, meaning=option.meaning)
        elif option.frameworks and framework in FRAMEWORKS and framework not in option.frameworks:
            continue
        elif option.repeats or option.name not in stated:
            yield Candidate(text=f"{option.name}=", meaning=option.meaning)


def _roles(stated: dict[str, str]) -> tuple[Role, ...]:
    """The framework's, once it is known."""
    framework = FRAMEWORKS.get(stated.get("framework", ""))
    return framework.roles if framework else tuple(COUNTS)


def _values(name: str, stated: dict[str, str]) -> Iterator[Candidate]:
    option, framework = find(name), FRAMEWORKS.get(stated.get("framework", ""))
    if option is None:
        return
    for value, meaning in option.choices:
        if option is not KIND or framework is None or value in (framework.operator.kind, TRAINJOB):
            yield Candidate(text=value, meaning=meaning)
