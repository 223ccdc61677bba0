"""Every file of a folder that is sent, without reading one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import BundleError
from ciao.s2i.including.found import File, LeftOut, Verdict, file_at, touching
from ciao.s2i.including.ignoring import Rules

__all__ = ["single", "special", "walk"]

_KINDS = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}

MOST_FOLDERS = 10_000

Identity = tuple[int, int]


@dataclass(frozen=True)
class _Place:
    """A folder on the way: its path here, below what it is sent, its rules, and the folders that it lies in."""

    path: str
    target: str
    rules: Rules
    chain: frozenset[Identity]


def walk(
    folder: Path, target: str, left_out: LeftOut, *, rules: Rules | None = None, within: str = ""
) -> Iterator[File]:
    """The files of a folder, by name; what is not sent is told to ``left_out``.

    Links are followed within the folder, or the one that it is a part of; one that leads out of it is an error, as it
    may lead anywhere. A link to a folder that it lies in is passed over. Raises BundleError.
    """
    root = os.path.realpath(within or folder)
    waiting = [_place(str(folder), target, rules or Rules.above(folder), frozenset())]
    count = 0
    while waiting:
        place = waiting.pop()
        count += 1
        if count > MOST_FOLDERS:
            words = f"{folder} has more than {MOST_FOLDERS:,} folders, down to {place.path}"
            raise BundleError(words, hint="Include the part that is needed, or name what is not in .ciaoignore")
        below: list[_Place] = []
        for entry in _entries(place.path):
            found = _look(entry, place, root, left_out)
            if isinstance(found, File):
                yield found
            elif found is not None:
                below.append(found)
        waiting += reversed(below)


def single(path: Path, target: str) -> File:
    """A file that was named itself. Raises BundleError for what is none."""
    with touching(path):
        status = path.stat()
    if kind := special(status.st_mode):
        raise BundleError(f"{path} is {kind}, and cannot be included")
    return file_at(path, target, status)


def special(mode: int) -> str:
    """In words what is neither file nor folder; empty for those."""
    return next((words for test, words in _KINDS.items() if test(mode)), "")


def _place(path: str, target: str, rules: Rules, chain: frozenset[Identity]) -> _Place:
    with touching(path):
        status = os.stat(path)  # noqa: PTH116  # paths are texts here: thousands of them
    return _Place(path, target, rules.within(path), chain | {(status.st_dev, status.st_ino)})


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with touching(folder), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _look(entry: os.DirEntry[str], place: _Place, root: str, left_out: LeftOut) -> File | _Place | None:
    verdict = place.rules.verdict(entry.path, folder=_is_folder(entry))
    if verdict is not Verdict.SENT:
        left_out.tell(entry.path, verdict, folder=_is_folder(entry))
        return None
    if entry.is_symlink() and not _followed(entry.path, root, left_out):
        return None
    if entry.is_symlink() and _leads_to_credentials(entry.path, root, place.rules):
        left_out.tell(entry.path, Verdict.CREDENTIALS, folder=False)
        return None
    with touching(entry.path):
        status = entry.stat()
    target = f"{place.target}/{entry.name}"
    if stat.S_ISDIR(status.st_mode):
        round_about = (status.st_dev, status.st_ino) in place.chain
        return None if round_about else _place(entry.path, target, place.rules, place.chain)
    if kind := special(status.st_mode):
        left_out.odd.append((entry.path, f"it is {kind}"))
        return None
    return file_at(Path(entry.path), target, status)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # whoever reads it next says so
        return False


def _leads_to_credentials(link: str, root: str, rules: Rules) -> bool:
    """By the names that its end has within the folder, whatever its own is. A repository knows passwords, too."""
    path = os.path.realpath(link)
    while path != root:
        verdict = rules.verdict(path, folder=os.path.isdir(path))  # noqa: PTH112  # texts
        path, name = os.path.split(path)
        if verdict is Verdict.CREDENTIALS or (verdict is Verdict.JUNK and name == ".git"):
            return True
    return False


def _followed(link: str, root: str, left_out: LeftOut) -> bool:
    """Whether a link is. Raises BundleError for one that leads out."""
    end = os.path.realpath(link)
    if not os.path.exists(link):  # noqa: PTH110  # also one to itself
        left_out.odd.append((link, f"it is a link to {end}, where nothing is"))
        return False
    if end == root or end.startswith(root.rstrip("/") + "/"):
        return True
    raise BundleError(
        f"{link} is a link to {end}, outside of {root}",
        hint=f"Include that by its own name, or leave the link out: name it in {root}/.ciaoignore",
    )
