"""What a cell includes, found, counted and read."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import Notice
from ciao.s2i.including.found import File, touching
from ciao.s2i.including.limits import MOST_BYTES, MOST_FILES, check_sizes, too_many
from ciao.s2i.including.words import Words
from ciao.s2i.layer import Entry

__all__ = ["Included", "include"]


@dataclass(frozen=True, kw_only=True)
class Included:
    """``entries`` are by their paths below the folder of the code, in their order, with all bytes read.

    ``sources`` are the paths here, by those. ``credentials`` are files that were named in spite of their names.
    """

    entries: tuple[Entry, ...] = ()
    sources: tuple[Path, ...] = ()
    notices: tuple[Notice, ...] = ()
    credentials: tuple[Path, ...] = ()


def include(wanted: Sequence[str], folder: Path, *, code: int, here: bool = False) -> Included:
    """All that the words stand for, seen from a folder. Raises BundleError; nothing large was read by then.

    ``code`` is the size of the cell's own, which counts. ``here``: it is used on this machine, and not sent.
    """
    words = Words(folder, here=here)
    found: dict[str, File] = {}
    for word in wanted:
        for file in words.files(word):
            _add(file, found)
    files = [found[target] for target in sorted(found)]
    _check_folders(files)
    much = tuple(check_sizes(code, files))
    return Included(
        entries=_read(files),
        sources=tuple(file.path for file in files),
        notices=(*words.notices, *(() if here else much)),
        credentials=tuple(words.credentials),
    )


def _add(file: File, found: dict[str, File]) -> None:
    """Words may cover the same file. Raises BundleError for two files of one name."""
    other = found.setdefault(file.target, file)
    if other is not file and not _same(other, file):
        shown = file.target.partition("/")[2]
        raise BundleError(
            f"%include= has two files that would both be {shown}: {other.path} and {file.path}",
            hint="Rename one, or include the folder above both",
        )
    if len(found) > MOST_FILES:
        raise too_many(list(found.values()))


def _same(one: File, other: File) -> bool:
    if one.path == other.path:
        return True
    with touching(one.path):
        return one.text is None and other.text is None and one.path.samefile(other.path)


def _check_folders(files: Sequence[File]) -> None:
    """Nothing can be a file and a folder."""
    folders: dict[str, File] = {}
    for file in files:
        parent = file.target.rpartition("/")[0]
        while parent and parent not in folders:
            folders[parent] = file
            parent = parent.rpartition("/")[0]
    for file in files:
        if file.target in folders:
            words = f"%include= has {file.path} where it has the folder of {folders[file.target].path}"
            raise BundleError(words, hint="Rename one, or include the folder above both")


def _read(files: Sequence[File]) -> tuple[Entry, ...]:
    """What a file has grown by since it was measured counts too."""
    room = MOST_BYTES
    entries = []
    for file in files:
        content = file.text if file.text is not None else _content(file, room)
        room -= len(content)
        if room < 0:
            raise BundleError(f"{file.path} grew while it was read", hint="Include it once nothing writes to it")
        entries.append(Entry(path=file.target, source=content, executable=file.executable))
    return tuple(entries)


def _content(file: File, most: int) -> bytes:
    """Of the very file that was looked at: where others may write, it can have become a link to anything, or a pipe."""
    with touching(file.path):
        opened = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb") as content:  # noqa: PTH123  # it is open already
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != file.identity:
                raise BundleError(f"{file.path} was replaced while it was read", hint="Run the cell again")
            return content.read(most + 1)
