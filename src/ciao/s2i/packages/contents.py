"""What of an image's layers matters for its Python: the names of files, and the words in a few of them."""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ciao.s2i.packages.members import members
from ciao.s2i.packages.unpacking import Readable, Unreadable, unpacked

__all__ = ["Readable", "Tree", "Unreadable", "merge", "read_layer"]

MOST_TEXT = 16 * 1024 * 1024
"""Bytes of one file that are looked at; Debian's list of packages has one or two."""

MOST_PATHS = 500_000
"""Of files that matter: an image with more is not what it pretends to be."""

MOST_CHARACTERS = 128 * 1024 * 1024
"""Of all their names, and of what links point to."""

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
    "libc": re.compile(rb"GNU C Library [^\n\0]{0,200}?version (\d+\.\d+)"),
    "patchlevel.h": re.compile(rb'#define\s+PY_VERSION\s+"(3\.\d+\.\d+)'),
    "pyvenv.cfg": re.compile(rb"include-system-site-packages\s*=\s*(\w+)", re.IGNORECASE),
    "dpkg": re.compile(
        rb"^Package: (?:lib)?python3\.\d+(?:-minimal)?$(?:\n(?!$).*){0,20}?\nVersion: (?:\d+:)?(3\.\d+\.\d+)",
        re.MULTILINE,
    ),
}
"""The one word in such a file that counts. Each is looked for within bounds, so that time is linear in the file."""

LONGEST = 255
"""Characters of one part of a path, on the file systems of Linux."""

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
TOO_MANY = "it has too many files"


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
    """A layer over what is there. Raises Unreadable if it becomes too much."""
    gone, replaced = above.gone, {*above.links, *(f for f in above.files)}

    def stays(path: str) -> bool:
        parents = list(_parents(path))
        removed = path in gone or any(p in gone or p in above.emptied for p in parents)
        return not removed and path not in replaced and not any(p in above.links for p in parents)

    files = {**{p: w for p, w in below.files.items() if stays(p)}, **above.files}
    links = {**{p: t for p, t in below.links.items() if stays(p)}, **above.links}
    if len(files) + len(links) > MOST_PATHS:
        raise Unreadable(TOO_MANY)
    return Tree(files=files, links=links)


def _parents(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def read_layer(stream: Readable, *, zstd: bool = False) -> Tree:
    """To its last byte, so that its digest can be checked. Raises Unreadable for what is no layer."""
    plain = unpacked(stream, zstd=zstd)
    found = _Found()
    for member, tar in members(plain):
        found.take(member, tar)
    while plain.read(1024 * 1024):
        pass
    return found.tree()


class _Found:
    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.gone: set[str] = set()
        self.emptied: set[str] = set()
        self._characters = 0

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
        else:
            return
        self._characters += len(path) + len(member.linkname)
        count = len(self.files) + len(self.links) + len(self.gone) + len(self.emptied)
        if count > MOST_PATHS or self._characters > MOST_CHARACTERS:
            raise Unreadable(TOO_MANY)
        if max(map(len, path.split("/"))) > LONGEST:
            raise Unreadable("it has a name that no file can have")

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
