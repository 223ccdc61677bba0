"""Recipes of layers: each fills a tree, and is a value, so that what it makes is known by what it says."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cluster import builds, trees
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.trees import Tree

    Progress = Callable[[str], None]


class Recipe(Protocol):
    """What is in a layer and how it gets there."""

    def says(self) -> str:
        """All that decides what the layer will be, besides the code of its class: a change makes it anew."""

    def fill(self, tree: Tree, progress: Progress) -> None:
        """Put it into an empty tree.

        Raises:
            ClusterError: a command failed.
        """


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Static programs of ours, each at its path."""

    paths: tuple[str, ...]

    def says(self) -> str:
        """Their paths, and the hashes that they were built under."""
        return repr([(path, self._source(path).parent.name) for path in self.paths])

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """Copy them."""
        for path in self.paths:
            target = tree.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._source(path), target)

    @staticmethod
    def _source(path: str) -> Path:
        return Path(builds.program(Path(path).name))


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Files, each by its path and its text."""

    files: tuple[tuple[str, str], ...]

    def says(self) -> str:
        """All of it."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """Write them."""
        for path, text in self.files:
            target = tree.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


@dataclass(frozen=True, kw_only=True)
class Busybox:
    """No Python: one static program of this machine under its many names, but for `without`."""

    without: tuple[str, ...] = ()

    def says(self) -> str:
        """What is left out."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """Folders as every image has them, and links."""
        for folder in ("bin", "etc", "root", "tmp"):
            (tree.root / folder).mkdir()
        (tree.root / "tmp").chmod(0o1777)
        shutil.copy("/bin/busybox", tree.root / "bin/busybox")
        for name in set(trees.run("/bin/busybox", "--list").split()) - {"busybox", *self.without}:
            (tree.root / "bin" / name).symlink_to("busybox")


@dataclass(frozen=True, kw_only=True)
class Dash:
    """Debian's shell with its libraries. Unlike busybox's, it runs what is on the PATH before anything of its own."""

    def says(self) -> str:
        """It is always the same."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """Copy it and what it is linked with."""
        (tree.root / "bin").mkdir()
        shutil.copy("/bin/dash", tree.root / "bin/sh")
        for library in (word for word in trees.run("ldd", "/bin/dash").split() if word.startswith("/")):
            target = tree.root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)


@dataclass(frozen=True, kw_only=True)
class Debian:
    """A minimal Debian, by the sources that this machine itself uses."""

    release: str
    packages: tuple[str, ...]

    def says(self) -> str:
        """The release and the packages."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:
        """As debootstrap does it."""
        progress(f"installing Debian {self.release} with {', '.join(self.packages)}: about a minute")
        include = f"--include={','.join(self.packages)}"
        command = ("debootstrap", "--variant=minbase", include, self.release, str(tree.root), self._mirror())
        trees.run(*trees.APART, *command)
        for path in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"):
            shutil.rmtree(tree.root / path)
            (tree.root / path).mkdir()
        (tree.root / "var/log/bootstrap.log").unlink()
        for path in ("etc/apt/sources.list", "etc/hostname", "etc/hosts", "etc/resolv.conf"):
            (tree.root / path).write_text("")  # this machine's own

    def _mirror(self) -> str:
        targets = trees.run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages")
        for line in targets.splitlines():
            if line.split()[1:] == [self.release]:
                return line.split()[0]
        reason = "`apt-get update` first, and see /etc/apt/sources.list."
        raise ClusterError(f"apt knows no source of {self.release}: {reason}")


@dataclass(frozen=True, kw_only=True)
class Packages:
    """Debian's packages, on top of a Debian; and the name of a user 1000, where a program insists on one."""

    names: tuple[str, ...]
    user: str = ""

    def says(self) -> str:
        """The names."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:
        """As apt-get does it; no service is started."""
        progress(f"installing {', '.join(self.names)}: one to two minutes")
        refuse = tree.root / "usr/sbin/policy-rc.d"
        refuse.parent.mkdir(parents=True)
        refuse.write_text("#!/bin/sh\nexit 101\n")
        refuse.chmod(0o755)
        slim = (f"--path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
        options = (f"-oDPkg::Options::={option}" for option in ("--force-unsafe-io", *slim))
        install = "apt-get update -qq && exec apt-get install -y -qq --no-install-recommends"
        tree.run("sh", "-c", f'{install} "$@"', "sh", *options, *self.names)
        refuse.unlink()
        if self.user:
            tree.run("useradd", "--uid=1000", "--create-home", "--shell=/bin/sh", self.user)


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Packages from PyPI, on top of a Debian with Python, by the pip of this Python and its configuration."""

    requirements: tuple[str, ...]
    python: str
    glibc: int
    without: tuple[str, ...] = ()

    def says(self) -> str:
        """What is required, for which Python, and what is left out."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:
        """Wheels of that Python only: nothing is compiled but to bytecode, and that in the image."""
        progress(f"installing {', '.join(self.requirements)}: about a minute")
        packages = f"usr/local/lib/python{self.python}/dist-packages"
        tags = (f"--platform=manylinux_2_{minor}_x86_64" for minor in range(self.glibc, 4, -1))
        suited = (f"--python-version={self.python}", "--implementation=cp", "--only-binary=:all:", "--no-compile")
        other = ("--platform=manylinux2014_x86_64", f"--target={tree.root / packages}")
        temporary = {"TMPDIR": str(tree.folder / "temporary")}  # on the same disk: packages are moved from there
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        trees.run(*pip, *suited, *tags, *other, *self.requirements, variables=temporary)
        for path in self.without:
            shutil.rmtree(tree.root / packages / path)
        progress("compiling them to bytecode")
        tree.run("python3", "-m", "compileall", "-q", "-j2", "-x/tests/", f"/{packages}")
