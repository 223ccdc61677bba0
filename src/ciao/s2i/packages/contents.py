"""What of an image's layers matters for its Python: the names of files, and the words in a few of them."""

from __future__ import annotations

import contextlib
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Protocol, cast

__all__ = ["Readable", "Tree", "Unreadable", "merge", "read_layer"]

MOST_TEXT = 16 * 1024 * 1024
"""Bytes of one file that are looked at; Debian's list of packages has one or two."""

MOST_PATHS = 500_000
"""Of files that matter: an image with more is not what it pretends to be."""

MATTERS = re.compile(
    r"(?:.*/)?(?:"
    r"(?:python|pypy)\d*(?:\.\d+)*"  # interpreters, in whichever folder
    r"|(?:site|dist)-packages/[^/]+\.(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?)"
    r"|pyvenv\.cfg"
    r"|ld-musl-[^/]+\.so\.1"
    r"|libc(?:\.so\.6|-2\.\d+\.so)"
    r"|include/python3\.\d+/patchlevel\.h"
    r"|conda-meta/python-3\.[^/]*\.json"
    r"|var/lib/dpkg/status(?:\.d/[^/]+)?"
    r")"
)
READ = re.compile(r"(?:.*/)?(?:libc\.so\.6|patchlevel\.h|pyvenv\.cfg|var/lib/dpkg/status(?:\.d/[^/]+)?)|"
                  r"(?:.*/)?libc-2\.\d+\.so")  # fmt: skip
WORDS: Mapping[str, re.Pattern[bytes]] = {
    "libc": re.compile(rb"GNU C Library [^\n\0]*?version (\d+\.\d+)"),
    "patchlevel.h": re.compile(rb'#define\s+PY_VERSION\s+"(3\.\d+\.\d+)'),
    "pyvenv.cfg": re.compile(rb"include-system-site-packages\s*=\s*(\w+)", re.IGNORECASE),
    "dpkg": re.compile(
        rb"^Package: (?:lib)?python3\.\d+(?:-minimal)?$(?:\n(?!$).*)*?\nVersion: (?:\d+:)?(3\.\d+\.\d+)", re.MULTILINE
    ),
}
"""The one word in such a file that counts."""

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
ZSTD = b"\x28\xb5\x2f\xfd"


class Readable(Protocol):
    """As much of a file as reading a stream takes."""

    def read(self, size: int, /) -> bytes:
        """At most as many bytes; none at the end."""


class Unreadable(Exception):
    """The layer is not what it should be, or is compressed by something that is not here."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Tree:
    """``files`` are those that matter, with a word that was found in them, or an empty one; ``links`` all symlinks.

    ``gone`` and ``emptied`` are paths that a layer removes from those below it.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()


def merge(below: Tree, above: Tree) -> Tree:
    """A layer over what is there."""
    gone, replaced = above.gone, {*above.links, *(f for f in above.files)}

    def stays(path: str) -> bool:
        parents = list(_parents(path))
        removed = path in gone or any(p in gone or p in above.emptied for p in parents)
        return not removed and path not in replaced and not any(p in above.links for p in parents)

    return Tree(
        files={**{p: w for p, w in below.files.items() if stays(p)}, **above.files},
        links={**{p: t for p, t in below.links.items() if stays(p)}, **above.links},
    )


def _parents(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def read_layer(stream: Readable, *, zstd: bool = False) -> Tree:
    """To its last byte, so that its digest can be checked. Raises Unreadable for what is no layer."""
    plain = _Plain(stream, zstd=zstd)
    found = _Found()
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", plain), mode="r|", encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for member in tar:
                found.take(member, tar)
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep every one of hundreds of thousands
    except (tarfile.TarError, zlib.error, EOFError, ValueError) as e:
        raise Unreadable(f"it is no tar: {e}") from e
    while plain.read(1024 * 1024):
        pass
    return found.tree()


class _Found:
    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.gone: set[str] = set()
        self.emptied: set[str] = set()

    def tree(self) -> Tree:
        return Tree(files=self.files, links=self.links, gone=frozenset(self.gone), emptied=frozenset(self.emptied))

    def take(self, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
        path = posixpath.normpath(member.name).lstrip("/")
        folder, name = posixpath.split(path)
        if name == OPAQUE:
            self.emptied.add(folder)
        elif name.startswith(WHITEOUT):
            self.gone.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
        elif member.issym():
            self.links[path] = member.linkname
        elif (member.isreg() or member.islnk()) and MATTERS.fullmatch(path):
            self.files[path] = self._word(path, member, tar)
        if len(self.files) + len(self.links) > MOST_PATHS:
            raise Unreadable("it has too many files")

    def _word(self, path: str, member: tarfile.TarInfo, tar: tarfile.TarFile) -> str:
        if member.islnk():
            return self.files.get(posixpath.normpath(member.linkname).lstrip("/"), "")
        if not READ.fullmatch(path) or member.size > MOST_TEXT:
            return ""
        name = posixpath.basename(path)
        kind = "libc" if name.startswith("libc") else "dpkg" if "/dpkg/" in path else name
        file = tar.extractfile(member)
        found = WORDS[kind].search(file.read()) if file is not None else None
        return found[1].decode() if found else ""


class _Plain:
    """The stream without its compression."""

    def __init__(self, stream: Readable, *, zstd: bool) -> None:
        self._stream = stream
        head = _first(stream)
        self._rest = head
        self._open = None
        if head.startswith(ZSTD) or (zstd and head):
            self._unpack = _zstd()
        elif head.startswith(b"\x1f\x8b"):
            self._unpack = _Gzip()
        else:
            self._unpack = _Nothing()
        self._ready = bytearray()

    def read(self, size: int, /) -> bytes:
        while len(self._ready) < size:
            piece = self._rest or self._stream.read(256 * 1024)
            self._rest = b""
            if not piece:
                break
            self._ready += self._unpack.decompress(piece)
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given


def _first(stream: Readable) -> bytes:
    head = b""
    while len(head) < 4 and (piece := stream.read(64 * 1024)):
        head += piece
    return head


class _Unpacking(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...


class _Nothing:
    def decompress(self, data: bytes, /) -> bytes:
        return data


class _Gzip:
    """One member after the other, as builders write that compress on many processors."""

    def __init__(self) -> None:
        self._one = zlib.decompressobj(31)

    def decompress(self, data: bytes, /) -> bytes:
        ready = bytearray()
        while data:
            ready += self._one.decompress(data)
            data = self._one.unused_data
            if self._one.eof:
                data = data.lstrip(b"\0")
                self._one = zlib.decompressobj(31)
        return bytes(ready)


def _zstd() -> _Unpacking:
    """Part of Python from 3.14 on; before, a package that not everybody needs."""
    with contextlib.suppress(ImportError):
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # from Python 3.14 on

        return cast("_Unpacking", _Frames(zstd.ZstdDecompressor))
    with contextlib.suppress(ImportError):
        import zstandard  # type: ignore[import-not-found,unused-ignore]  # optional

        return _Frames(lambda: zstandard.ZstdDecompressor().decompressobj())
    raise Unreadable("it is compressed by zstd", hint="Install zstandard where the kernel runs: pip install zstandard")


class _Frames:
    """As for gzip: a blob may be several frames."""

    def __init__(self, new: object) -> None:
        self._new = new
        self._one = new()  # type: ignore[operator]  # a class or a function of either library

    def decompress(self, data: bytes, /) -> bytes:
        ready = bytearray()
        while data:
            ready += self._one.decompress(data)
            data = self._one.unused_data if self._one.eof else b""
            if self._one.eof:
                self._one = self._new()  # type: ignore[operator]  # as above
        return bytes(ready)
