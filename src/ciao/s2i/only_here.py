"""Modules that a cell imports and that are only on this machine: in a cluster it would not find them.

Nothing is run: files are looked for. It only ever leads to a notice, and is silent about whatever it cannot know.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import JobSpec, Notice
from ciao.s2i.including.modules import Module, Search
from ciao.s2i.including.words import notebook_folder

__all__ = ["imported", "only_here"]

SHOWN = 5


def only_here(spec: JobSpec) -> tuple[Notice, ...]:
    """A warning for each, with the option that sends it along. Reads folders, so do not call it on an event loop."""
    found = imported(spec.code)
    try:
        return tuple(_missing(spec, found))[:SHOWN] if found else ()
    except OSError:  # a folder that is gone, or not ours to read
        return ()


def _missing(spec: JobSpec, found: Mapping[str, int]) -> Iterator[Notice]:
    folder = notebook_folder(spec)
    search = Search.of_process(folder)
    for name, line in found.items():
        path = _local(name, search)
        if path is not None and not _is_included(name, path, spec, folder):
            yield _notice(name, line, path)


def imported(code: str) -> Mapping[str, int]:
    """Modules that are not Python's own, by the first part of their names, each with its first line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return {}
    found: dict[str, int] = {}
    for name, line in _imports(tree):
        if name not in sys.stdlib_module_names:
            found[name] = min(line, found.get(name, line))
    return found


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name.partition(".")[0], node.lineno) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0], node.lineno


def _local(name: str, search: Search) -> Path | None:
    """Where it is, if it was not installed from elsewhere."""
    try:
        modules = search.locate(name)
    except (BundleError, OSError):
        return None
    return next((module.path for module in modules if _is_local(module, search)), None)


def _is_local(module: Module, search: Search) -> bool:
    standard = (sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib"))
    folders = [os.path.realpath(folder) for folder in (*map(str, search.sites), *standard)]
    paths = (os.path.realpath(module.path), os.path.abspath(module.path))  # noqa: PTH100  # a link into them counts
    return not any(path.startswith(f"{folder}/") for path in paths for folder in folders)


def _is_included(name: str, path: Path, spec: JobSpec, folder: Path) -> bool:
    """By its name, or by a folder or file that has it."""
    for word in spec.include:
        named = Path(os.path.realpath(folder / Path(word).expanduser()))
        if word.partition(".")[0] == name or Path(os.path.realpath(path)).is_relative_to(named):
            return True
    return False


def _notice(name: str, line: int, path: Path) -> Notice:
    text = f"line {line}: {name} is imported and is only on this machine, in {path}: %include={name} sends it along"
    return Notice(text=text, level="warning")
