"""Entries become a layer: a tar whose bytes are the same on every machine, for the same files.

What is small stays as it is: an uncompressed tar has one digest everywhere. What is large is compressed, and then only
``diff_id`` is the same everywhere, because the bytes of a compression belong to the library that made them.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, NoReturn

from ciao.errors import BundleError
from ciao.s2i.layer import Entry, Layer

__all__ = ["GZIP", "IN_MEMORY", "TAR", "pack"]

TAR = "application/vnd.oci.image.layer.v1.tar"
GZIP = TAR + "+gzip"

IN_MEMORY = 16 * 1024**2
"""Bytes of a layer beyond which it is written to a temporary file."""

_PIECE = 1024**2
_MTIME = 315532800  # 1980-01-01: a zip, which some tools make of installed packages, knows nothing earlier
_LEVEL = 1  # of gzip: three times as fast as 6 for a sixth more bytes, on installed packages
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def pack(entries: Iterable[Entry], *, folder: Path | None = None, compress: bool = False) -> Layer:
    """The layer of these files, sorted, with the folders above them.

    A large one is written to a file in ``folder`` (the system's for temporary files if None), which the caller removes.
    Raises BundleError for a path that is absolute, leaves the root, is there twice or means the removal of another, for
    a source that is no plain file or changes while it is read, and for a disk that is full; nothing is left then.
    """
    placed = _placed(entries)
    blob = _Blob(folder)
    try:
        diff = _written(placed, blob, compress=compress)
        return blob.layer(GZIP if compress else TAR, diff)
    except BaseException:
        blob.discard()
        raise


def _written(placed: Mapping[tuple[str, ...], Entry | None], blob: _Blob, *, compress: bool) -> str:
    """The tar goes into the blob; returns its digest."""
    if not compress:
        for piece in _tar(placed):
            blob.write(piece)
        return blob.digest
    tar = hashlib.sha256()
    with gzip.GzipFile("", "wb", _LEVEL, blob, mtime=0) as sink:
        for piece in _tar(placed):
            tar.update(piece)
            sink.write(piece)
    return f"sha256:{tar.hexdigest()}"


def _tar(placed: Mapping[tuple[str, ...], Entry | None]) -> Iterator[bytes]:
    for path in sorted(placed):
        yield from _member("/".join(path), placed[path])
    yield bytes(2 * tarfile.BLOCKSIZE)


def _placed(entries: Iterable[Entry]) -> Mapping[tuple[str, ...], Entry | None]:
    """Each entry by the parts of its path, and each folder above one as None."""
    placed: dict[tuple[str, ...], Entry | None] = {}
    for entry in entries:
        parts = _parts(entry.path)
        if parts in placed:
            raise BundleError(f"{entry.path!r} would be in the image twice", hint="Include one of them only")
        placed[parts] = entry
    for parts in list(placed):
        for end in range(1, len(parts)):
            if placed.setdefault(parts[:end], None) is not None:
                raise BundleError(
                    f"{'/'.join(parts[:end])!r} would be a file and a folder in the image",
                    hint="Include one of them only",
                )
    return placed


def _parts(path: str) -> tuple[str, ...]:
    parts = tuple(path.split("/"))
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise BundleError(
            f"{path!r} cannot be a path in an image: it is not relative to one folder, part by part",
            hint="Include files that lie below the notebook's folder",
        )
    if any(part.startswith(".wh.") for part in parts):
        raise BundleError(
            f"{path!r} cannot be a path in an image: there, '.wh.' before a name means that it is removed",
            hint="Give the file another name",
        )
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BundleError(
            f"{path!r} cannot be a path in an image: its name is not UTF-8", hint="Give the file another name"
        ) from None
    return parts


def _member(path: str, entry: Entry | None) -> Iterator[bytes]:
    """One member of the tar; a folder if there is no entry."""
    if entry is None:
        yield _header(path, tarfile.DIRTYPE, 0o755, 0)
        return
    mode = 0o755 if entry.executable else 0o644
    if isinstance(entry.source, bytes):
        size = len(entry.source)
        yield _header(path, tarfile.REGTYPE, mode, size)
        yield entry.source
        yield _padding(size)
    else:
        yield from _file(path, mode, entry.source)


@lru_cache(maxsize=256)
def _header(path: str, kind: bytes, mode: int, size: int) -> bytes:
    """Plain USTAR, preceded by an extended one only for a name that does not fit or is not ASCII.

    Kept, because the runner is in every layer, and making the headers of its files takes longer than all else.
    """
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.mtime = kind, mode, size, _MTIME
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _file(path: str, mode: int, source: Path) -> Iterator[bytes]:
    try:
        with _opened(source) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise BundleError(f"{source} is no plain file", hint="Include plain files and folders only")
            yield _header(path, tarfile.REGTYPE, mode, before.st_size)
            yield from _pieces(file, before, source)
            yield _padding(before.st_size)
    except OSError as error:
        raise _unreadable(source, error) from None


def _pieces(file: IO[bytes], before: os.stat_result, path: Path) -> Iterator[bytes]:
    left = before.st_size
    while left and (piece := file.read(min(left, _PIECE))):
        left -= len(piece)
        yield piece
    after = os.fstat(file.fileno())
    if left or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise BundleError(
            f"{path} changed while it was read", hint="Run the cell again when nothing writes to it any more"
        )


def _opened(path: Path) -> IO[bytes]:
    """Never through a symlink, and never waiting for somebody at the other end of a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(os.open(path, flags), "rb", buffering=0)  # noqa: PTH123 # it is open already


def _unreadable(path: Path, error: OSError) -> BundleError:
    if error.errno == errno.ELOOP:
        return BundleError(f"{path} is a symbolic link", hint="Include what it points to")
    return BundleError(f"{path} cannot be read: {error.strerror}", hint="Look at its permissions")


class _Blob:
    """What becomes the blob: in memory while it is small, then in a file."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._hash = hashlib.sha256()
        self._size = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    def write(self, piece: bytes, /) -> int:
        self._hash.update(piece)
        self._size += len(piece)
        if self._file is None and self._size <= IN_MEMORY:
            self._memory += piece
            return len(piece)
        try:
            self._spool().write(piece)
        except OSError as error:
            self._refuse(error)
        return len(piece)

    @property
    def digest(self) -> str:
        """Of all that was written so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def flush(self) -> None:
        """Part of what gzip expects of a file."""

    def layer(self, media_type: str, diff_id: str) -> Layer:
        """The end of it: no more is written."""
        content: bytes | Path = bytes(self._memory)
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._refuse(error)
            content = Path(self._file.name)
        return Layer(media_type=media_type, digest=self.digest, diff_id=diff_id, size=self._size, content=content)

    def discard(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is left of a full disk's buffer
                self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    def _spool(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 # it outlives this call
                prefix="ciao-layer-", dir=self._folder, delete=False
            )
            self._file.write(self._memory)
            self._memory.clear()
        return self._file

    def _refuse(self, error: OSError) -> NoReturn:
        folder = self._folder or Path(tempfile.gettempdir())
        if error.errno in _FULL:
            message = f"the disk is full: a layer of {self._size:,} bytes and more does not fit into {folder}"
            raise BundleError(message, hint="Free some space, or set TMPDIR to a folder that has it") from None
        message = f"a layer cannot be written to {folder}: {error.strerror}"
        raise BundleError(message, hint="Set TMPDIR to a folder that can be written to") from None
