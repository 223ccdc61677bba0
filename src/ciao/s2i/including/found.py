"""What including finds: a value for each file, and the words for what cannot be sent."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import Notice

__all__ = ["FILES", "MODULES", "File", "LeftOut", "Verdict", "file_at", "listed", "touching"]

FILES = "files"
"""What the runner copies into the working directory, below the folder of the code."""

MODULES = "modules"
"""What the runner puts on the path of imports."""

SHOWN = 3

_WORDS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "it is gone",
    errno.ENOTDIR: "it is gone",
    errno.ELOOP: "its links go round in a circle",
    errno.ENAMETOOLONG: "its name is too long",
}


class Verdict(StrEnum):
    """Whether rules let a file or folder be sent, and if not, why."""

    SENT = "sent"
    JUNK = "junk"
    CREDENTIALS = "credentials"
    GITIGNORE = ".gitignore"
    CIAOIGNORE = ".ciaoignore"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to send: ``target`` is its path below the folder of the code, ``path`` the one here.

    ``text`` is its content if that was made here, and not read from the path; ``identity`` is which file was looked at.
    """

    target: str
    path: Path
    size: int
    executable: bool = False
    text: bytes | None = None
    identity: tuple[int, int] | None = None


@dataclass(kw_only=True)
class LeftOut:
    """What was not sent of the files that a word covers, by the reason. Filled while they are looked for."""

    by_rule: dict[str, list[str]] = field(default_factory=dict)
    credentials: list[str] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)

    def tell(self, path: str, why: Verdict, *, folder: bool) -> None:
        """That rules leave something out. Junk is worth a word only where nothing else is left."""
        if why is Verdict.CREDENTIALS:
            self.credentials.append(path)
        elif why is Verdict.JUNK:
            self.junk.append(path)
        else:
            self.by_rule.setdefault(why.value, []).append(f"{path}/" if folder else path)

    def clear(self) -> None:
        """For another look."""
        for told in (self.by_rule, self.credentials, self.odd, self.junk):
            told.clear()

    def reasons(self) -> Iterator[Notice]:
        """A part of a sentence for each reason, with its weight."""
        if self.credentials:
            yield Notice(text=f"what looks like credentials: {listed(self.credentials)}", level="warning")
        for source, paths in sorted(self.by_rule.items()):
            yield Notice(text=f"as {source} says: {listed(paths)}")
        for path, why in self.odd:
            yield Notice(text=f"{path}, as {why}", level="warning")


def listed(words: Sequence[str], shown: int = SHOWN) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


def file_at(path: Path, target: str, status: os.stat_result) -> File:
    """The value of a regular file. Raises BundleError for a name that cannot travel."""
    try:
        target.encode()
    except UnicodeEncodeError:
        raise BundleError(
            f"the name of {str(path)!a} is not UTF-8", hint="Rename it, or name it in .ciaoignore"
        ) from None
    return File(
        target=target,
        path=path,
        size=status.st_size,
        executable=bool(status.st_mode & stat.S_IXUSR),
        identity=(status.st_dev, status.st_ino),
    )


@contextmanager
def touching(path: str | Path) -> Iterator[None]:
    """Turn what the file system says of a path into a BundleError."""
    try:
        yield
    except OSError as e:
        words = _WORDS.get(e.errno or 0) or e.strerror or str(e)
        hint = "Run the cell again" if e.errno == errno.ENOENT else "Make it readable, or name it in .ciaoignore"
        raise BundleError(f"{path} cannot be included: {words}", hint=hint) from e
