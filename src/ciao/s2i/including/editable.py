"""Where editable installs say that modules are, read without running anything.

Three ways are in use: lines of ``.pth`` files that name a folder (setuptools' develop and PEP 660, hatchling, flit,
poetry, uv); a finder module with a table ``MAPPING`` (setuptools, for all other layouts); and one with calls of
``map_module`` (the package editables, for hatchling and pdm).
"""

from __future__ import annotations

import ast
import site
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["mapped", "pth_folders", "site_folders"]

MOST = 4 * 1024 * 1024
"""Bytes of a file that is read: those of large packages with many modules are below one."""


def site_folders(path: Sequence[str]) -> list[Path]:
    """Those in which packages are installed, of this process."""
    named = [entry for entry in path if Path(entry).name in ("site-packages", "dist-packages")]
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    found = [Path(entry) for entry in (*named, *site.getsitepackages([sys.prefix]), *user)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def pth_folders(folders: Sequence[Path]) -> list[str]:
    """The folders that .pth files add to the path, also those written since this process began."""
    lines = [(file.parent, line.strip()) for file in _files(folders, "*.pth") for line in _text(file).splitlines()]
    named = [folder / line for folder, line in lines if line and not line.startswith(("#", "import ", "import\t"))]
    return [str(path) for path in dict.fromkeys(named) if path.is_dir()]


def mapped(folders: Sequence[Path]) -> Mapping[str, tuple[Path, ...]]:
    """Paths by the dotted names of modules, from finder modules; several for a namespace."""
    found: dict[str, tuple[Path, ...]] = {}
    for file in (*_files(folders, "__editable__*_finder.py"), *_files(folders, "_editable_impl_*.py")):
        for name, paths in _declared(_text(file)):
            found.setdefault(name, tuple(map(Path, paths)))
    return found


def _files(folders: Sequence[Path], pattern: str) -> list[Path]:
    return [file for folder in folders for file in sorted(folder.glob(pattern))]


def _text(file: Path) -> str:
    """Empty for what cannot be read: it says nothing then."""
    try:
        with file.open("rb") as opened:
            return opened.read(MOST).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _declared(source: str) -> Iterator[tuple[str, list[str]]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign) and _name(node) in ("MAPPING", "NAMESPACES"):
            yield from _table(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "map_module":
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if len(texts) == 2:
                yield texts[0], [texts[1]]


def _name(node: ast.AnnAssign | ast.Assign) -> str:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _table(value: ast.expr | None) -> Iterator[tuple[str, list[str]]]:
    try:
        table = ast.literal_eval(value) if value is not None else {}
    except ValueError:
        return
    for name, path in table.items() if isinstance(table, dict) else ():
        paths = path if isinstance(path, list) else [path]
        if isinstance(name, str) and all(isinstance(one, str) for one in paths):
            yield name, paths
