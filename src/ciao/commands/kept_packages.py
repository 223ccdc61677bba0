"""What ``ciao doctor`` says of packages that are kept on this machine for local replicas."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ciao.commands.check import Check
from ciao.settings import Settings

__all__ = ["kept_packages"]

GIB = 1024**3


def kept_packages(settings: Settings) -> list[Check]:
    """Nothing if none are there. Walks through all of them, so do not call it on an event loop."""
    folder = settings.home / "packages"
    sets: list[Path] = []
    with contextlib.suppress(OSError):
        sets = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if not sets:
        return []
    from ciao.s2i.packages.local import size_of

    size = size_of(folder)
    words = f"{len(sets)} set{'s' if len(sets) > 1 else ''} of %package= in {folder}: {size / GIB:.1f} GiB"
    if size <= settings.keep_bytes:
        return [Check(name="kept packages", verdict="ok", words=words)]
    fix = f"While no job runs here: rm -r {folder}. What a cell asks for again is made again"
    return [Check(name="kept packages", verdict="warn", words=words, fix=fix)]
