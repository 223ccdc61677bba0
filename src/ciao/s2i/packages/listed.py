"""A requirements file, line by line, and a line's words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ciao.errors import BundleError

__all__ = ["lines", "split"]

_LARGEST = 4 * 1024 * 1024
"""Bytes of one requirements file."""


def split(line: str, where: str) -> list[str]:
    """A line's words, as a shell has them. Raises BundleError."""
    try:
        return shlex.split(line)
    except ValueError as e:
        raise BundleError(f"{where} cannot be read: {e}", hint='Quote as in a shell: %package="name>=1.0"') from None


def lines(path: Path, where: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something: without comments, continued lines joined."""
    try:
        if path.stat().st_size > _LARGEST:
            raise BundleError(f"{where}: {path} is too large for a requirements file")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not text in UTF-8"
        raise BundleError(
            f"{where}: {path} cannot be read: {reason}", hint="Its path is relative to the notebook's folder"
        ) from e
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        joined += line
        if joined.endswith("\\") and not line.lstrip().startswith("#"):
            joined = joined[:-1] + " "
            continue
        if bare := re.sub(r"(^|\s)#.*$", "", joined).strip():
            yield begun, _guarded(bare)
        begun, joined = 0, ""
    if joined.strip():
        yield begun, _guarded(joined.strip())


def _guarded(line: str) -> str:
    """A file's line in a shell's quotes: there the marker behind ``;`` is unquoted and has quotes of its own."""
    before, semicolon, marker = line.partition(";")
    if not semicolon or before.lstrip().startswith("-"):
        return line
    marker, *hashes = re.split(r"\s(?=--hash)", marker)
    return " ".join((shlex.quote(f"{before.strip()} ; {marker.strip()}"), *hashes))
