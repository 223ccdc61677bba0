"""Which Python an image's ``python3`` is, and what that one finds: from names of files alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from ciao.s2i.packages.contents import Tree
from ciao.s2i.packages.wanted import canonical

__all__ = ["Pythons"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_LINKS = 40
EGG = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)(?:-py\d+(?:\.\d+)?.*)?\.egg-info")
DIST = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info")
INSTALLED = re.compile(r"(?P<folder>(?:.*/)?(?:site|dist)-packages)/(?P<entry>[^/]+\.(?:dist|egg)-info)(?:/\w[\w-]*)?")


class Pythons:
    """``environ`` is that of the image's config."""

    def __init__(self, tree: Tree, environ: Mapping[str, str]) -> None:
        self._tree = tree
        self._environ = environ

    def python3(self) -> str | None:
        """The path of what ``python3`` starts, before its links are followed; without the first slash."""
        for folder in self._environ.get("PATH", PATH).split(":"):
            path = posixpath.normpath(posixpath.join(folder, "python3")).lstrip("/")
            if folder.startswith("/") and self._real(path) in self._tree.files:
                return path
        return None

    def version(self, python: str) -> str:
        """With three parts if any file tells the third; empty if nothing tells even the second."""
        minor = self._minor(python)
        if not minor:
            return ""
        prefix = posixpath.dirname(posixpath.dirname(self._real(python)))
        exact = (*self._patchlevels(prefix, minor), *self._conda(prefix), *self._dpkg(prefix), *self._stated())
        return next((one for one in exact if one == minor or one.startswith(f"{minor}.")), minor)

    def implementation(self, python: str) -> str:
        """As ``sys.implementation.name`` says it."""
        return "pypy" if "pypy" in posixpath.basename(self._real(python)) else "cpython"

    def libc(self) -> str:
        """Such as ``glibc 2.36``; empty if no file tells."""
        files = self._tree.files
        glibc = {word for path, word in files.items() if posixpath.basename(path).startswith("libc") and word}
        named = (re.search(r"/libc-(2\.\d+)\.so$", f"/{path}") for path in files)
        glibc |= {found[1] for found in named if found}
        if glibc:
            return f"glibc {min(glibc, key=lambda v: int(v.split('.')[1]))}"
        return "musl" if any("ld-musl-" in path for path in (*files, *self._tree.links)) else ""

    def distributions(self, python: str) -> dict[str, str]:
        """Versions by canonical name, of those in the folders that this Python searches."""
        folders = {self._real(folder): number for number, folder in enumerate(self._searched(python))}
        found: dict[str, tuple[int, str]] = {}
        for path in self._tree.files:
            match = INSTALLED.fullmatch(path)
            place = folders.get(self._real(match["folder"])) if match else None
            named = (DIST.fullmatch(match["entry"]) or EGG.fullmatch(match["entry"])) if match else None
            if named is None or place is None:
                continue
            name = canonical(named["name"])
            found[name] = min(found.get(name, (place, named["version"])), (place, named["version"]))
        return {name: version for name, (_, version) in sorted(found.items())}

    def _searched(self, python: str) -> Iterator[str]:
        """In the order of ``sys.path``."""
        yield from (p.lstrip("/") for p in self._environ.get("PYTHONPATH", "").split(":") if p.startswith("/"))
        minor, prefix = self._minor(python), posixpath.dirname(posixpath.dirname(python))
        own = posixpath.dirname(posixpath.dirname(self._real(python)))
        config = f"{prefix}/pyvenv.cfg"
        if config in self._tree.files:
            yield f"{prefix}/lib/python{minor}/site-packages"
            if self._tree.files[config].lower() != "true":
                return
        if own == "usr":
            yield from (f"usr/local/lib{b}/python{minor}/{k}-packages" for k in ("dist", "site") for b in ("", "64"))
            yield "usr/lib/python3/dist-packages"
        yield from (f"{own}/lib{b}/python{minor}/{k}-packages" for b in ("64", "") for k in ("site", "dist"))

    def _minor(self, python: str) -> str:
        real = posixpath.basename(self._real(python))
        if match := re.fullmatch(r"(?:python|pypy)(3\.\d+)", real):
            return match[1]
        prefix = posixpath.dirname(posixpath.dirname(self._real(python)))
        beside = (re.fullmatch(rf"{re.escape(prefix)}/bin/(?:python|pypy)(3\.\d+)", path) for path in self._tree.files)
        return next((match[1] for match in beside if match), "")

    def _patchlevels(self, prefix: str, minor: str) -> Iterator[str]:
        yield self._tree.files.get(f"{prefix}/include/python{minor}/patchlevel.h", "")

    def _conda(self, prefix: str) -> Iterator[str]:
        found = (re.fullmatch(rf"{re.escape(prefix)}/conda-meta/python-(3\.\d+\.\d+)-.*", p) for p in self._tree.files)
        yield from (match[1] for match in found if match)

    def _dpkg(self, prefix: str) -> Iterator[str]:
        """Debian's list, for Debian's own Python."""
        if prefix == "usr":
            yield from (word for path, word in self._tree.files.items() if path.startswith("var/lib/dpkg/") and word)

    def _stated(self) -> Iterator[str]:
        yield self._environ.get("PYTHON_VERSION", "")

    def _real(self, path: str) -> str:
        """With every link on the way followed, as the kernel of an operating system does."""
        done, rest = "", path.split("/")
        for _ in range(MOST_LINKS * 10):
            if not rest:
                break
            done = posixpath.normpath(posixpath.join(done, rest.pop(0))) if done else rest.pop(0)
            target = self._tree.links.get(done)
            if target is None:
                continue
            joined = posixpath.normpath(posixpath.join("/", posixpath.dirname(done), target))
            done, rest = "", [*joined.strip("/").split("/"), *rest]
        return done
