"""The words of ``%include=``: each is a file, a folder, a pattern of such, or a module that can be imported here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ciao.errors import BundleError, FileMissing, did_you_mean
from ciao.model import Notice
from ciao.s2i.including.folder import notebook_folder
from ciao.s2i.including.found import FILES, MODULES, File, LeftOut, Verdict, listed
from ciao.s2i.including.globs import is_pattern, matches
from ciao.s2i.including.ignoring import Rules, looks_like_credentials
from ciao.s2i.including.modules import Module, Search, is_name
from ciao.s2i.including.walking import single, walk

if TYPE_CHECKING:
    from ciao.s2i.including.installed import Installed

__all__ = ["Words", "notebook_folder"]

COMPILED = (".so", ".pyd", ".dylib", ".dll")


class Words:
    """Finds what words stand for, all seen from one folder.

    ``notices`` are what to tell of those that were read to their end, ``credentials`` the files that were named
    although their names say what they hold. ``here``: replicas run on this machine, with its Python.
    """

    def __init__(self, folder: Path, *, here: bool = False) -> None:
        self.notices: list[Notice] = []
        self.credentials: list[Path] = []
        self._folder = folder
        self._here = here

    def files(self, word: str) -> Iterator[File]:
        """Every file, none read. Raises BundleError for a word that means nothing, or nothing that can be sent."""
        left_out = LeftOut()
        compiled: list[str] = []
        count = 0
        for file in self._found(word, left_out):
            count += 1
            if file.path.name.endswith(COMPILED) and file.target.startswith(MODULES):
                compiled.append(file.target.removeprefix(f"{MODULES}/"))
            yield file
        if not count:
            raise self._nothing(word, left_out)
        for reason in left_out.reasons():
            text = f"%include={word} leaves out {self._short(reason.text)}"
            self.notices.append(Notice(text=text, level=reason.level))
        if compiled and not self._here:
            self.notices.append(Notice(text=_compiled(word, compiled), level="warning"))

    def _found(self, word: str, left_out: LeftOut) -> Iterator[File]:
        if not word.strip():
            raise BundleError("%include= has an empty word", hint="Write %include=. for the notebook's whole folder")
        path = self._path(word)
        if os.path.lexists(path):
            yield from self._named(path, left_out)
        elif is_pattern(word):
            for match in matches(path, left_out, notebook=self._folder):
                yield from self._at(match, left_out)
        elif is_name(word):
            yield from self._imported(word, left_out)
        else:
            raise self._missing(word)

    def _named(self, path: Path, left_out: LeftOut) -> Iterator[File]:
        """A folder of which git takes nothing, as one of data, was named all the same: then it has no say."""
        if looks_like_credentials(str(path)):
            self.credentials.append(path)
        files = self._at(path, left_out)
        first = next(files, None)
        if first is None and Verdict.GITIGNORE in left_out.by_rule:
            left_out.clear()
            files = walk(path, self._target(path), left_out, rules=Rules.above(path, self._folder).without_git())
        return files if first is None else chain([first], files)

    def _at(self, path: Path, left_out: LeftOut) -> Iterator[File]:
        target = self._target(path)
        if path.is_dir():
            return walk(path, target, left_out, rules=Rules.above(path, self._folder))
        return iter([single(path, target)])

    def _imported(self, word: str, left_out: LeftOut) -> Iterator[File]:
        from ciao.s2i.including.installed import refuse_standard

        refuse_standard(word)
        modules = self.search.locate(word)
        for module in modules:
            self._installed.refuse_from_index(word, module)
        if not modules:
            raise self._missing(word)
        for module in modules:
            owner = self._installed.owner(module)
            yield from _of_module(module, left_out, within=owner.source if owner else "")
            yield from owner.metadata() if owner else ()

    def _path(self, word: str) -> Path:
        """Absolute, and without ``..``."""
        return Path(os.path.normpath(self._folder / os.path.expanduser(word)))  # noqa: PTH111  # no home is no error

    def _target(self, path: Path) -> str:
        """Where it lands: as seen from the notebook's folder; what is outside of it, by its last name."""
        for folder in (self._folder, self._folder.resolve()):
            if path.is_relative_to(folder):
                return "/".join((FILES, *path.relative_to(folder).parts))
        if not path.name:
            raise BundleError(f"{path} is the whole file system", hint="Name a folder in it")
        return f"{FILES}/{path.name}"

    @cached_property
    def search(self) -> Search:
        """Where modules are; read once, and only if a word may be a module's name."""
        return Search.of_process(self._folder)

    @cached_property
    def _installed(self) -> Installed:
        from ciao.s2i.including.installed import Installed

        return Installed(self.search.path, self.search.sites)

    def _short(self, text: str) -> str:
        return text.replace(f"{self._folder}/", "")

    def _nothing(self, word: str, left_out: LeftOut) -> BundleError:
        reasons = [self._short(reason.text) for reason in left_out.reasons()]
        if left_out.junk:
            reasons.append(f"what is hardly ever meant: {self._short(listed(left_out.junk))}")
        if reasons:
            hint = "Name a file in full to send it all the same"
            return BundleError(f"%include={word} has nothing to send; it leaves out {'; '.join(reasons)}", hint=hint)
        if is_pattern(word) and not os.path.lexists(self._path(word)):
            return FileMissing(f"%include={word} matches nothing in {self._folder}", hint=self._near(word))
        words = f"%include={word} has no files: an empty folder is not sent"
        return BundleError(words, hint=f"Make it in the cell: os.makedirs({word!r})")

    def _missing(self, word: str) -> BundleError:
        where = f"there is no file or folder {self._path(word)}"
        if is_name(word):
            where += ", and no module of this name can be imported here"
        return FileMissing(f"%include={word}: {where}", hint=self._near(word))

    def _near(self, word: str) -> str:
        """The nearest name of a file beside it, or of a module."""
        path = Path(word)
        with_space = f"{path.name} "
        try:
            beside = [str(path.parent / name) for name in os.listdir(self._path(word).parent)]  # noqa: PTH208  # names
        except OSError:
            beside = []
        if spaced := next((one for one in sorted(beside) if Path(one).name.startswith(with_space)), None):
            return f"Quote a name that has spaces: %include='{spaced}'"
        known = [*sorted(beside), *sorted(self.search.names() if is_name(word) else ())]
        return (
            did_you_mean(word, known)
            or "Paths are relative to the notebook's folder; packages of an index are %package="
        )


def _of_module(module: Module, left_out: LeftOut, *, within: str) -> Iterator[File]:
    below = [MODULES, *module.name.split(".")]
    if module.path.is_dir():
        return walk(module.path, "/".join(below), left_out, within=within)
    return iter([single(module.path, "/".join((*below[:-1], module.path.name)))])


def _compiled(word: str, names: list[str]) -> str:
    import platform

    where = f"{platform.python_implementation()} {platform.python_version().rpartition('.')[0]} on {platform.machine()}"
    return f"%include={word} has compiled parts, which load only on {where}, as here: {listed(names)}"
