"""What a pattern such as ``data/*.csv`` or ``**/*.yaml`` stands for, in the order of the names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ciao.s2i.including.found import LeftOut, Verdict, touching
from ciao.s2i.including.ignoring import Rules

__all__ = ["is_pattern", "matches"]


def is_pattern(word: str) -> bool:
    """Whether a word has a wildcard."""
    return any(mark in word for mark in "*?[")


def matches(pattern: Path, left_out: LeftOut, *, notebook: Path) -> list[Path]:
    """The files and folders, each once. What ignore rules leave out is none of them.

    ``*`` is for no name that begins with a dot; ``**`` is for any number of folders, not through links.
    """
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if is_pattern(part))
    base = Path(*parts[:first])
    if not base.is_dir():
        return []
    rules = Rules.above(base, notebook)
    return list(dict.fromkeys(_expanded(str(base), parts[first:], rules, left_out)))


def _expanded(folder: str, segments: Sequence[str], rules: Rules, left_out: LeftOut) -> Iterator[Path]:
    head, *rest = segments
    rules = rules.within(folder)
    if head == "**" and rest:
        yield from _expanded(folder, rest, rules, left_out)
    for entry in _entries(folder):
        deeper = segments if head == "**" else rest
        if not _fits(entry.name, head):
            continue
        is_folder = _is_folder(entry, through_links=head != "**")
        verdict = rules.verdict(entry.path, folder=is_folder)
        if verdict is not Verdict.SENT:
            if not rest:
                left_out.tell(entry.path, verdict, folder=is_folder)
        elif not rest:
            yield Path(entry.path)
        elif is_folder:
            yield from _expanded(entry.path, deeper, rules, left_out)


def _fits(name: str, segment: str) -> bool:
    if name.startswith(".") and not segment.startswith("."):
        return False
    return segment == "**" or fnmatchcase(name, segment)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with touching(folder), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str], *, through_links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=through_links)
    except OSError:  # whoever reads it next says so
        return False
