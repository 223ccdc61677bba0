"""Names that a cell reads and does not bind: in a replica, nobody else has bound them either.

An analysis of scopes in one pass over the tree. It may miss a name and it gives up silently where nothing can be
known (``import *``, ``exec``), because it only ever leads to a warning. ``symtable`` has no positions, hence our own.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ciao.interpreter.scopes import Scope, read_scopes
from ciao.interpreter.source import BOM, lines

__all__ = ["FreeName", "free_names"]

_WORD = re.compile(r"\w+")
_PUT_IN_BY_IPYTHON = {"display", "get_ipython", "__IPYTHON__"}
_MODULE = {
    "__file__",
    "__name__",
    "__doc__",
    "__spec__",
    "__loader__",
    "__package__",
    "__builtins__",
    "__annotations__",
}
_CLASS = {"__class__", "__module__", "__qualname__"}


@dataclass(frozen=True, kw_only=True)
class FreeName:
    """Where the code first reads the name; ``line`` and ``column`` count from 1."""

    name: str
    line: int
    column: int


def free_names(code: str, *, known: Collection[str]) -> tuple[FreeName, ...]:
    """Those of the ``known`` names (the notebook's) that the code reads but never binds, in the order of the code.

    Of code that does not compile, or that binds names in ways that cannot be seen, there are none. Never raises.
    """
    text = code.removeprefix(BOM)
    wanted = set(known) - _bound_anyway()
    if text.isascii():  # identifiers in other alphabets are normalised by the parser, so that words cannot be compared
        wanted &= set(_WORD.findall(text))
    if not wanted:
        return ()
    try:
        scopes = read_scopes(_parsed(text))
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return ()
    return tuple(_first_reads(scopes, wanted, text))


def _bound_anyway() -> set[str]:
    return (set(dir(builtins)) - _PUT_IN_BY_IPYTHON) | _MODULE | _CLASS


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _first_reads(scopes: Iterable[Scope] | None, wanted: Collection[str], text: str) -> Iterator[FreeName]:
    """``scopes`` None: nothing can be known."""
    first: dict[str, tuple[int, int]] = {}
    for scope in scopes or ():
        for name, place in scope.reads:
            if name in wanted and scope.resolves_to_nothing(name):
                first[name] = min(place, first.get(name, (sys.maxsize, 0)))
    source = lines(text) if first else []
    for name, (line, offset) in sorted(first.items(), key=lambda item: item[1]):
        column = len(source[line - 1].encode()[:offset].decode(errors="ignore")) + 1
        yield FreeName(name=name, line=line, column=column)
