"""What is not sent of a folder: the rules of .gitignore and .ciaoignore, and a list of what nobody means to send.

The nearest rule wins, as in git: what a file says in the folder itself beats what one says further up. Any word of a
.ciaoignore beats any other. A folder that is left out is not looked into.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciao.s2i.including.found import Verdict, touching

if TYPE_CHECKING:
    from pathspec import RegexPattern as Pattern

__all__ = ["Rules", "looks_like_credentials"]


MOST = 1024 * 1024
"""Bytes that are read of a file of rules."""

JUNK = (
    ".git", ".hg", ".svn", ".bzr", "CVS", ".jj",
    "__pycache__", "*.pyc", "*.pyo", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox",
    "*.egg-info", ".eggs", ".venv", "venv", "node_modules",
    "*.ipynb", ".ipynb_checkpoints", ".virtual_documents", ".jupyter", ".ciao", ".cache", ".Trash-*", "lost+found",
    ".DS_Store", "Thumbs.db", "desktop.ini", ".idea", ".vscode", "*~", ".~*", ".*.sw[a-p]", ".#*", ".nfs*",
    Verdict.CIAOIGNORE, Verdict.GITIGNORE, ".gitattributes", ".gitmodules",
)  # fmt: skip
"""Names that are hardly ever meant: histories, caches, environments, what editors and desktops leave; and notebooks,
which change whenever they are saved, and whose outputs may show anything."""

CREDENTIALS = (
    ".env", ".env.*", "*.env", ".envrc", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".ssh", ".gnupg",
    "kubeconfig", "*.kubeconfig", "kubeconfig.y*ml", ".kube", ".aws", ".azure", ".gcloud", ".docker", ".dockercfg",
    ".netrc", "_netrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", ".htpasswd", ".boto", ".s3cfg",
    "application_default_credentials.json", "client_secret*.json", "credentials.json", "kaggle.json", ".kaggle",
    "secrets.json", "secrets.toml", "secrets.y*ml", ".databrickscfg", ".npmrc", ".vault-token", "*.ovpn", ".config",
)  # fmt: skip
"""Names under which programs keep what lets somebody in."""

HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist")


BY_FILES = (Verdict.CIAOIGNORE, Verdict.GITIGNORE)

Patterns = tuple[tuple[bool, re.Pattern[str]], ...]
"""The lines of a file of rules, the last first: whether what it names is ignored, and what it names."""


@dataclass(frozen=True)
class _Level:
    """The rules that lie in one folder, for what is below it."""

    folder: str
    git: Patterns
    ciao: Patterns

    def of(self, path: str, verdict: Verdict) -> bool | None:
        """Whether a path is ignored; None where the rules say nothing."""
        below = path.removeprefix(self.folder.rstrip("/") + "/")
        if below in (path, ""):
            return None
        patterns = self.git if verdict is Verdict.GITIGNORE else self.ciao
        return next((ignored for ignored, pattern in patterns if _names(pattern, below)), None)


@dataclass(frozen=True)
class Rules:
    """Those that hold in one folder, from the top of its repository down to it."""

    levels: tuple[_Level, ...] = ()
    git: bool = True

    @classmethod
    def above(cls, folder: Path, notebook: Path | None = None) -> Rules:
        """Those that hold for a folder itself: from its repository's, or without one from the ``notebook``'s folder on.

        If they ignore it, they do not count: it was asked for by its name.
        """
        rules = cls()
        for parent in _between(_top(folder, notebook), folder):
            rules = rules.within(str(parent))
        ignored = any(rules.ignored(f"{path}/", by=by) for path in (folder, *folder.parents) for by in BY_FILES)
        return cls() if ignored else rules

    def without_git(self) -> Rules:
        """Only ours."""
        return Rules(self.levels, git=False)

    def within(self, folder: str) -> Rules:
        """With those that lie in a folder below."""
        git, ciao = _read(f"{folder}/{Verdict.GITIGNORE}"), _read(f"{folder}/{Verdict.CIAOIGNORE}")
        return Rules((*self.levels, _Level(folder, git, ciao)), git=self.git) if git or ciao else self

    def verdict(self, path: str, *, folder: bool) -> Verdict:
        """Of a file or folder by its absolute path."""
        by_us = self.ignored(f"{path}/" if folder else path, by=Verdict.CIAOIGNORE)
        if by_us is not None:
            return Verdict.CIAOIGNORE if by_us else Verdict.SENT
        name = os.path.basename(path)  # noqa: PTH119  # paths are texts here: thousands of them
        if _JUNK(name) or (folder and os.path.lexists(f"{path}/pyvenv.cfg")):
            return Verdict.JUNK
        if looks_like_credentials(path):
            return Verdict.CREDENTIALS
        by_git = self.git and self.ignored(f"{path}/" if folder else path, by=Verdict.GITIGNORE)
        return Verdict.GITIGNORE if by_git else Verdict.SENT

    def ignored(self, path: str, *, by: Verdict) -> bool | None:
        """By the rules of one kind of file; None if they say nothing. The path of a folder ends in ``/``."""
        answers = (level.of(path, by) for level in reversed(self.levels))
        return next((answer for answer in answers if answer is not None), None)


def looks_like_credentials(path: str) -> bool:
    """By its name; a ``.pem`` only if it has a private key: the certificates of an authority are no secret."""
    name = os.path.basename(path)  # noqa: PTH119  # as above
    if name.lower().endswith(".pem"):
        return _has_private_key(path)
    return _CREDENTIALS(name.lower()) and name.lower() not in HARMLESS


def _has_private_key(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            return b"PRIVATE KEY-----" in file.read(MOST)
    except OSError:  # whoever reads it next says so
        return False


def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    found = re.compile("|".join(map(fnmatch.translate, patterns)))
    return lambda name: found.match(name) is not None


_JUNK = _matcher(JUNK)
_CREDENTIALS = _matcher(CREDENTIALS)


def _top(folder: Path, notebook: Path | None) -> Path:
    """The folder of the repository, else that of the notebook if it is above, else the folder itself."""
    otherwise = notebook if notebook is not None and notebook in folder.parents else folder
    return next((path for path in (folder, *folder.parents) if (path / ".git").exists()), otherwise)


def _between(top: Path, folder: Path) -> list[Path]:
    """The folders from the top down to the one above a folder."""
    return [path for path in reversed(folder.parents) if path == top or top in path.parents]


def _names(pattern: re.Pattern[str], path: str) -> bool:
    """Whether a line names this very path, and not a folder above it, which was asked about before.

    pathspec's expressions go on below a folder, whose slash is their group ``ps_d``.
    """
    if "ps_d" not in pattern.groupindex:
        return pattern.search(path.rstrip("/")) is not None  # data/** is all in data, and not data itself
    return any(match.end("ps_d") in (-1, len(path)) for match in pattern.finditer(path))


def _read(path: str) -> Patterns:
    """The rules of a file. Lines that say nothing are passed over, as git does."""
    if not os.path.isfile(path):  # noqa: PTH113  # asked in every folder
        return ()
    with touching(path), open(path, "rb") as file:  # noqa: PTH123  # as above
        lines = file.read(MOST).decode("utf-8", "surrogateescape").removeprefix("\ufeff").splitlines()
    found = [pattern for line in lines for pattern in _parsed(line)]
    return tuple((bool(p.include), p.regex) for p in reversed(found) if p.include is not None and p.regex is not None)


def _parsed(line: str) -> Iterable[Pattern]:
    from pathspec import GitIgnoreSpec

    if line.endswith("/**/"):
        line += "*/"  # the folders below one, which pathspec reads as that one
    try:
        return GitIgnoreSpec.from_lines([line]).patterns
    except ValueError:
        return ()
