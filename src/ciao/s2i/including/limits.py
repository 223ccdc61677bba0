"""How much goes along with a cell, told before any of it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ciao.errors import BundleError
from ciao.model import Notice
from ciao.s2i.including.found import File

__all__ = ["MOST_BYTES", "MOST_FILES", "check_sizes", "too_many"]

MOST_FILES = 10_000
MUCH_BYTES = 1024**2
MOST_BYTES = 50 * 1024**2

SHOWN = 5

_WAYS_OUT = "Bring data by a volume (%volume=CLAIM:/data), or name what is not needed in .ciaoignore"


def too_many(files: Sequence[File]) -> BundleError:
    """Says where most of them are."""
    folders = Counter(str(PurePosixPath(*PurePosixPath(file.target).parts[1:3])) for file in files)
    (folder, count), *_ = folders.most_common(1)
    words = f"%include= covers more than {MOST_FILES:,} files, {count:,} of them in {folder}"
    return BundleError(words, hint=_WAYS_OUT)


def check_sizes(code: int, files: Sequence[File]) -> Iterator[Notice]:
    """A notice where there is much. Raises BundleError for too much; ``code`` is the size of the cell's."""
    total = code + sum(file.size for file in files)
    if total <= MUCH_BYTES:
        return
    largest = ", ".join(f"{_shown(file)} {_size(file.size)}" for file in sorted(files, key=_by_size)[:SHOWN])
    if total > MOST_BYTES:
        words = f"the cell and what it includes have {_size(total)}; the most is {_size(MOST_BYTES)}"
        raise BundleError(f"{words}. The largest: {largest}" if files else words, hint=_WAYS_OUT)
    if files:
        yield Notice(text=f"{_size(total)} go along with the cell, each time it is run. The largest: {largest}")


def _by_size(file: File) -> tuple[int, str]:
    return -file.size, file.target


def _shown(file: File) -> str:
    return file.target.partition("/")[2]


def _size(count: int) -> str:
    return f"{count / 1024**2:,.1f} MiB" if count >= 1024**2 // 10 else f"{count / 1024:,.1f} KiB"
