"""What is not sent of a folder: the rules of .gitignore and .ciaoignore, and a list of what nobody means to send.

The nearest rule wins, as in git: what a file says in the folder itself beats what one says further up. Any word of a
.ciaoignore beats any other. A folder that is left out is not looked into.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciao.s2i.including.found import Verdict, touching

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["Rules", "looks_like_credentials"]


MOST = 1024 * 1024
"""Bytes that are read of a file of rules."""

JUNK = (
    ".git", ".hg", ".svn", ".bzr", "CVS", ".jj",
    "__pycache__", "*.pyc", "*.pyo", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox",
    "*.egg-info", ".eggs", ".venv", "venv", "node_modules",
    ".ipynb_checkpoints", ".virtual_documents", ".Trash-*", "lost+found",
    ".DS_Store", "Thumbs.db", "desktop.ini", ".idea", ".vscode", "*~", ".*.sw[a-p]", ".#*", ".nfs*",
    Verdict.CIAOIGNORE, Verdict.GITIGNORE, ".gitattributes", ".gitmodules",
)  # fmt: skip
"""Names that are never meant: histories, caches, environments, what editors and desktops leave."""

CREDENTIALS = (
    ".env", ".env.*", ".envrc", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".ssh", ".gnupg",
    "kubeconfig", "*.kubeconfig", "kubeconfig.y*ml", ".kube", ".aws", ".azure", ".gcloud", ".docker", ".dockercfg",
    ".netrc", "_netrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", ".htpasswd", ".boto", ".s3cfg",
    "application_default_credentials.json", "kaggle.json",
)  # fmt: skip
"""Names under which programs keep what lets somebody in."""

HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist")


@dataclass(frozen=True)
class _Level:
    """The rules that lie in one folder, for what is below it."""

    folder: str
    git: GitIgnoreSpec | None
    ciao: GitIgnoreSpec | None

    def of(self, path: str, verdict: Verdict) -> bool | None:
        """Whether a path is ignored; None where the rules say nothing."""
        rules = self.git if verdict is Verdict.GITIGNORE else self.ciao
        below = path.removeprefix(self.folder.rstrip("/") + "/")
        return rules.check_file(below).include if rules is not None and below not in (path, "") else None


@dataclass(frozen=True)
class Rules:
    """Those that hold in one folder, from the top of its repository down to it."""

    levels: tuple[_Level, ...] = ()

    @classmethod
    def above(cls, folder: Path) -> Rules:
        """Those that hold for a folder itself. If they ignore it, they do not count: it was asked for by its name."""
        rules = cls()
        for parent in _between(_top(folder), folder):
            rules = rules.within(str(parent))
        for path in (folder, *folder.parents):
            if rules.git_or_ciao(str(path), folder=True) is not Verdict.SENT:
                return cls()
        return rules

    def within(self, folder: str) -> Rules:
        """With those that lie in a folder below."""
        git, ciao = _read(f"{folder}/{Verdict.GITIGNORE}"), _read(f"{folder}/{Verdict.CIAOIGNORE}")
        return self if git is ciao is None else Rules((*self.levels, _Level(folder, git, ciao)))

    def verdict(self, path: str, *, folder: bool) -> Verdict:
        """Of a file or folder by its absolute path."""
        by_us = self._asked(path, folder=folder, of=Verdict.CIAOIGNORE)
        if by_us is not None:
            return Verdict.CIAOIGNORE if by_us else Verdict.SENT
        name = os.path.basename(path)  # noqa: PTH119  # paths are texts here: thousands of them
        if _JUNK(name) or (folder and os.path.lexists(f"{path}/pyvenv.cfg")):
            return Verdict.JUNK
        if looks_like_credentials(path):
            return Verdict.CREDENTIALS
        return Verdict.GITIGNORE if self._asked(path, folder=folder, of=Verdict.GITIGNORE) else Verdict.SENT

    def git_or_ciao(self, path: str, *, folder: bool) -> Verdict:
        """By the files of rules alone."""
        by_us = self._asked(path, folder=folder, of=Verdict.CIAOIGNORE)
        by_git = self._asked(path, folder=folder, of=Verdict.GITIGNORE) if by_us is None else None
        return Verdict.CIAOIGNORE if by_us else Verdict.GITIGNORE if by_git else Verdict.SENT

    def _asked(self, path: str, *, folder: bool, of: Verdict) -> bool | None:
        path = f"{path}/" if folder else path
        answers = (level.of(path, of) for level in reversed(self.levels))
        return next((answer for answer in answers if answer is not None), None)


def looks_like_credentials(path: str) -> bool:
    """By its name; a ``.pem`` only if it has a private key: the certificates of an authority are no secret."""
    name = os.path.basename(path)  # noqa: PTH119  # as above
    if name.lower().endswith(".pem"):
        return _has_private_key(path)
    return _CREDENTIALS(name) and name not in HARMLESS


def _has_private_key(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            return b"PRIVATE KEY-----" in file.read(MOST)
    except OSError:  # whoever reads it next says so
        return False


def _matcher(patterns: tuple[str, ...]) -> functools.partial[bool]:
    found = re.compile("|".join(map(fnmatch.translate, patterns)))
    return functools.partial(lambda name: found.match(name) is not None)


_JUNK = _matcher(JUNK)
_CREDENTIALS = _matcher(CREDENTIALS)


def _top(folder: Path) -> Path:
    """The folder of the repository, else the folder itself."""
    return next((path for path in (folder, *folder.parents) if (path / ".git").exists()), folder)


def _between(top: Path, folder: Path) -> list[Path]:
    """The folders from the top down to the one above a folder."""
    return [path for path in reversed(folder.parents) if path == top or top in path.parents]


def _read(path: str) -> GitIgnoreSpec | None:
    """The rules of a file; None where there is none. Lines that say nothing are passed over, as git does."""
    from pathspec import GitIgnoreSpec

    if not os.path.isfile(path):  # noqa: PTH113  # asked in every folder
        return None
    with touching(path), open(path, "rb") as file:  # noqa: PTH123  # as above
        lines = file.read(MOST).decode("utf-8", "surrogateescape").removeprefix("\ufeff").splitlines()
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(filter(_means_something, lines))


def _means_something(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
