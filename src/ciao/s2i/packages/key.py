"""The name of a set of packages: the same for everybody who asks for the same, on the same base."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciao.errors import BundleError
from ciao.s2i.packages.indexes import Sources
from ciao.s2i.packages.wanted import Wanted, without_userinfo

__all__ = ["FORMAT", "key"]

FORMAT = 1
"""Of the layer: raised when the same packages would be laid out differently."""

DIGITS = 16


def key(wanted: Wanted, found: Sources, base: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits, of everything that decides what is installed; no credential goes in.

    ``base`` is what it is for: of an image its digest, from which its Python, platform and packages follow, so that
    who finds it in the registry has to look into no image. A version that was left open is resolved once for a key, and
    then stays; to have newer ones, name them.
    """
    return hashlib.sha256(json.dumps(_facts(wanted, found, base), sort_keys=True).encode()).hexdigest()[:DIGITS]


def _facts(wanted: Wanted, found: Sources, base: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "base": dict(base),
        "requirements": [_without_credentials(r.line) for r in wanted.requirements],
        "wheels": [[w.path.name, w.extras, content(w.path)] for w in wanted.wheels],
        "constraints": list(wanted.constraints),
        "index": "" if found.none else found.index.url,
        "extra": [] if found.none else [index.url for index in found.extra],
        "links": [_folder(link) if isinstance(link, Path) else link.url for link in found.links],
        "pre": found.pre,
    }


def content(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises BundleError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise BundleError(f"{path} cannot be read: {e.strerror}") from e


def _folder(path: Path) -> list[list[str]]:
    """By what is in it: another machine has it at another place."""
    return [[wheel.name, content(wheel)] for wheel in sorted(path.glob("*.whl"))]


def _without_credentials(line: str) -> str:
    name, at, url = line.partition(" @ ")
    if at:
        return f"{name} @ {_url(url)}"
    return _url(line) if "://" in line.partition(" ")[0] else line


def _url(text: str) -> str:
    """A URL's fragment is a hash of what it leads to, and part of it."""
    url, space, rest = text.partition(" ")
    return f"{without_userinfo(url)}#{url.partition('#')[2]}{space}{rest}"
