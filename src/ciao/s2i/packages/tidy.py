"""What was installed, made the same on every machine, and fit for a folder on ``PYTHONPATH``."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ciao.errors import BundleError

__all__ = ["LOCK", "files", "tidy"]

LOCK = "ciao-requirements.lock"
"""What was installed, with its hashes: beside the packages."""

SHEBANG = b"#!/usr/bin/env python3\n"

SHIM = '''\
"""Folders on PYTHONPATH are not searched for .pth files: this does it for the one that it lies in."""
import os
import site
import sys

_here = os.path.dirname(os.path.abspath(__file__))
site.addsitedir(_here)


def _another():
    """The one that this hides, of the image or of the user."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec("sitecustomize", [p for p in sys.path if os.path.abspath(p or ".") != _here])
    if found is not None and found.loader is not None:
        from importlib.util import module_from_spec

        found.loader.exec_module(module_from_spec(found))


_another()
'''

_FORGOTTEN = ("direct_url.json", "uv_cache.json", "uv_build.json", "REQUESTED")
"""Files beside a distribution's metadata that tell of this machine, or of how it was asked for."""


def tidy(site: Path, *, portable: bool = True) -> None:
    """Change what depends on this machine. Raises BundleError for what cannot be in a layer.

    Scripts that stay here, not ``portable``, go on naming the Python that they were installed for.
    """
    _refuse_links(site)
    for name in (".lock", "CACHEDIR.TAG", ".gitignore"):
        (site / name).unlink(missing_ok=True)
    changed = {*(_portable(site / "bin") if portable else ()), *_forgotten(site)}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        _rewrite(record, site, changed)
    if any(site.glob("*.pth")) and not (site / "sitecustomize.py").exists():
        (site / "sitecustomize.py").write_text(SHIM)


def files(site: Path) -> Iterator[Path]:
    """All of them, sorted, with nothing that Python makes of them."""
    for folder, folders, names in os.walk(site):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        yield from (Path(folder) / name for name in sorted(names))


def _refuse_links(site: Path) -> None:
    for folder, folders, names in os.walk(site):
        for name in (*folders, *names):
            path = Path(folder) / name
            if path.is_symlink():
                raise BundleError(
                    f"a package brings a symbolic link, {path.relative_to(site)}, which is not taken into an image",
                    hint="Use an image that has the package",
                )


def _portable(scripts: Path) -> Iterator[Path]:
    """Scripts begin with the path of the Python that installed them; where they run there is another."""
    for script in sorted(scripts.glob("*")) if scripts.is_dir() else ():
        if not script.is_file():
            continue
        with script.open("rb") as file:
            head = file.read(2)
        if head == b"#!" and (new := _with_shebang(script.read_bytes())) is not None:
            _replace(script, new)
            yield script


def _with_shebang(text: bytes) -> bytes | None:
    """None for a script of another language. Long paths are started through a shell, in three lines."""
    trick = re.match(rb"#!/bin/sh\n'''exec' [^\n]*\n' '''\n", text)
    if trick:
        return SHEBANG + text[trick.end() :]
    first, _, rest = text.partition(b"\n")
    return SHEBANG + rest if re.search(rb"python[\d.]*w?[\"']?\s*$", first) else None


def _replace(path: Path, content: bytes) -> None:
    """As a new file: the old one may be the same as one in the cache of uv."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def _forgotten(site: Path) -> Iterator[Path]:
    for name in _FORGOTTEN:
        for path in site.glob(f"*.dist-info/{name}"):
            path.unlink()
            yield path


def _rewrite(record: Path, site: Path, changed: set[Path]) -> None:
    """A distribution's own list of its files, sorted, true again."""
    rows: Mapping[str, list[str]] = {row[0]: row for row in csv.reader(io.StringIO(record.read_text("utf-8"))) if row}
    kept: list[list[str]] = []
    for name in sorted(rows):
        path = Path(os.path.normpath(site / name))
        if not path.exists():
            continue
        kept.append(_row(name, path) if path in changed else rows[name])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    _replace(record, text.getvalue().encode())


def _row(name: str, path: Path) -> list[str]:
    content = path.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return [name, f"sha256={digest}", str(len(content))]
