"""The Debian on which the gateway's image is made here: with security fixes, without rights to gain or build tools."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster import trees
from cluster.images import Image
from cluster.layers import Layer
from cluster.recipes import Debian

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.trees import Tree

    Progress = Callable[[str], None]

OF_THIS_MACHINE = ("etc/apt/sources.list", "etc/hostname", "etc/hosts", "etc/resolv.conf")
EMPTIED = ("usr/share/man", "usr/share/locale", "usr/share/info", "var/lib/apt/lists", "var/cache/apt", "var/log")


@dataclass(frozen=True, kw_only=True)
class Deployed(Debian):
    """A minimal Debian that others may be given: what its packages' licences ask for stays in it."""

    def fill(self, tree: Tree, progress: Progress) -> None:
        """As debootstrap does it, then with what was published since."""
        progress(f"installing Debian {self.release} with {', '.join(self.packages)}: a minute or two")
        include = f"--include={','.join(self.packages)}"
        command = ("debootstrap", "--variant=minbase", include, self.release, str(tree.root), self._mirror())
        trees.run(*trees.APART, *command)
        tree.run("sh", "-c", "apt-get update -qq && apt-get upgrade -y -qq --no-install-recommends")
        tree.run("find", "/", "-xdev", "-type", "f", "-perm", "/6000", "-exec", "chmod", "ug-s", "{}", "+")
        for path in EMPTIED:
            shutil.rmtree(tree.root / path, ignore_errors=True)
            (tree.root / path).mkdir()
        for folder in (tree.root / "usr/share/doc").iterdir():
            _keep_copyright(folder)
        for path in OF_THIS_MACHINE:
            (tree.root / path).write_text("")


def _keep_copyright(folder: Path) -> None:
    """A folder may be a link to that of another package."""
    for path in () if folder.is_symlink() or not folder.is_dir() else tuple(folder.iterdir()):
        if path.name != "copyright":
            path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)


PYTHON = "3.11"
"""Of this Debian."""
GLIBC = 36
BASE = Image(
    name="gateway-base",
    layer=Layer(name="gateway-debian", recipe=Deployed(release="bookworm", packages=("python3", "ca-certificates"))),
)
