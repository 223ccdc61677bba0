"""A layer from elsewhere as a stream of plain bytes: a little at a time, however much a few bytes may stand for."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import IO, Protocol, cast

__all__ = ["Readable", "Unreadable", "unpacked"]

MOST = 128 * 1024**3
"""Bytes of a layer, unpacked; the largest that are in use have a tenth of it."""

PIECE = 16 * 1024
"""Packed bytes that are taken at once: of zeros they may be 500 MB, which nobody waits for."""

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


class Readable(Protocol):
    """As much of a file as reading a stream takes."""

    def read(self, size: int, /) -> bytes:
        """At most as many bytes; none at the end."""


class Unreadable(Exception):
    """The layer is not what it should be, or is compressed by something that is not here."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def unpacked(stream: Readable, *, zstd: bool = False) -> Readable:
    """The stream without its compression. It, too, raises Unreadable."""
    head = _first(stream)
    whole = _Behind(head, stream)
    if head.startswith(ZSTD) or (zstd and head):
        return _Plain(*_zstd(whole))
    if head.startswith(GZIP):
        return _Plain(gzip.GzipFile(fileobj=cast("IO[bytes]", whole), mode="rb"), zlib.error)
    return _Plain(whole, EOFError)


def _first(stream: Readable) -> bytes:
    head = b""
    while len(head) < 4 and (piece := stream.read(4 - len(head))):
        head += piece
    return head


class _Behind:
    """What was read already, then the rest."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return self._stream.read(min(size, PIECE))


class _Plain:
    """``broken`` is what its library raises."""

    def __init__(self, stream: Readable, broken: type[Exception]) -> None:
        self._stream = stream
        self._broken = broken
        self._done = 0

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._stream.read(size)
        except (self._broken, EOFError, gzip.BadGzipFile) as e:
            raise Unreadable(f"it is damaged: {e}") from e
        self._done += len(piece)
        if self._done > MOST:
            raise Unreadable(f"it has more than {MOST // 1024**3} GiB, unpacked")
        return piece


def _zstd(stream: _Behind) -> tuple[Readable, type[Exception]]:
    """Part of Python from 3.14 on; before, a package that not everybody needs."""
    with contextlib.suppress(ImportError):
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # from Python 3.14 on

        return cast("Readable", zstd.ZstdFile(stream)), zstd.ZstdError
    with contextlib.suppress(ImportError):
        import zstandard  # type: ignore[import-not-found,unused-ignore]  # optional

        reader = zstandard.ZstdDecompressor().stream_reader(
            cast("IO[bytes]", stream), read_size=PIECE, read_across_frames=True
        )
        return cast("Readable", reader), zstandard.ZstdError
    raise Unreadable("it is compressed by zstd", hint="Install zstandard where the kernel runs: pip install zstandard")
