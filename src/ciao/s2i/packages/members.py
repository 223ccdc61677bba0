"""The members of a tar from elsewhere, with bounds on what reading a header alone may cost."""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterator
from typing import IO, NoReturn, cast

from ciao.s2i.packages.unpacking import Readable, Unreadable

__all__ = ["members"]

LARGEST = 256 * 1024
"""Bytes of a header that stands before another: names and attributes. What writes layers allows 1 MiB at most."""

LONGEST = 4096
"""Bytes of a path, for Linux."""

MOST_GLOBAL = 1000
"""Words that hold for all members behind them."""

PREFIXES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
DAMAGED = (tarfile.TarError, EOFError, ValueError, LookupError, ArithmeticError, RecursionError, struct.error)
"""What tarfile raises for one that was made to break it; a RecursionError for headers that stand before headers."""


class _Header(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Before tarfile reads as much as a header says that it has."""
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0 or (found.type in PREFIXES and found.size > LARGEST):
            raise Unreadable(f"it has a header of {found.size:,} bytes")
        if found.type == tarfile.GNUTYPE_SPARSE:
            _sparse()
        return found

    def _proc_gnusparse_10(self, *_: object) -> NoReturn:
        """As tarfile calls it; its table of holes has no end that would be known before."""
        _sparse()


def _sparse() -> NoReturn:
    raise Unreadable("it has a file with holes, which no builder of images writes")


def members(stream: Readable) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Each, with the tar to read it from before the next is asked for. Raises Unreadable for what is no layer."""
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for member in tar:
                if max(len(member.name), len(member.linkname)) > LONGEST or len(tar.pax_headers) > MOST_GLOBAL:
                    raise Unreadable("it has a name that no file can have")
                yield member, tar
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep every one of hundreds of thousands
    except DAMAGED as e:
        raise Unreadable(f"it is no tar: {e}") from e
