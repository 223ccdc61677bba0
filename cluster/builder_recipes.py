"""Recipes of the images that build images in a cluster: programs with rights of their own, or built when asked."""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import builds, trees

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.trees import Tree

    Progress = Callable[[str], None]

CAPABILITIES = {"setgid": 6, "setuid": 7}
REVISION, EFFECTIVE = 0x02000000, 1
"""Of the attribute `security.capability`, see capability.h."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """Static programs, each at its path, from Go modules that are built now if they were not."""

    paths: tuple[str, ...]

    def says(self) -> str:
        """Their paths, and the hashes that they are built under."""
        return repr([(path, _build(path).folder.name) for path in self.paths])

    def fill(self, tree: Tree, progress: Progress) -> None:
        """Build and copy them."""
        for path in self.paths:
            build = _build(path)
            builds.require(build, progress)
            target = tree.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(build.folder / target.name, target)


def _build(path: str) -> builds.Build:
    return next(one for one in builds.BUILDERS if Path(path).name in one.programs)


@dataclass(frozen=True, kw_only=True)
class Linked:
    """Programs of this machine at their paths, with the libraries that they are linked with.

    What is setuid here has one capability there: in a pod without privileges setuid alone writes no map of users.
    """

    paths: tuple[str, ...]
    capable: tuple[tuple[str, str], ...] = ()

    def says(self) -> str:
        """Their paths, and what each may."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """Copy them."""
        for path in (*self.paths, *dict(self.capable)):
            libraries = (word for word in trees.run("ldd", path).split() if word.startswith("/"))
            for file in (path, *libraries):
                target = tree.root / file.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
        for path, capability in self.capable:
            target = tree.root / path.lstrip("/")
            target.chmod(0o755)
            permitted = 1 << CAPABILITIES[capability]
            os.setxattr(target, "security.capability", struct.pack("<5I", REVISION | EFFECTIVE, permitted, 0, 0, 0))


@dataclass(frozen=True, kw_only=True)
class User:
    """The user 1000, who has a home, and 65536 more users to give away."""

    name: str

    def says(self) -> str:
        """The name."""
        return repr(self)

    def fill(self, tree: Tree, progress: Progress) -> None:  # noqa: ARG002 - it takes no time
        """As useradd does it."""
        etc, home = tree.root / "etc", tree.root / "home" / self.name
        etc.mkdir()
        (etc / "passwd").write_text(
            f"root:x:0:0:root:/root:/bin/sh\n{self.name}:x:1000:1000::/home/{self.name}:/bin/sh\n"
        )
        (etc / "group").write_text(f"root:x:0:\n{self.name}:x:1000:\n")
        for file in ("subuid", "subgid"):
            (etc / file).write_text(f"{self.name}:100000:65536\n")
        home.mkdir(parents=True)
        os.chown(home, 1000, 1000)
