"""The words of ``%package=`` lines and of requirements files, as pip takes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ciao.errors import BundleError
from ciao.s2i.packages.clauses import NAME, tidy
from ciao.s2i.packages.listed import lines, split
from ciao.s2i.packages.pips import OPTIONS, joined, option
from ciao.s2i.packages.places import (
    BUILD_HINT,
    VCS,
    is_file_url,
    is_path,
    name_in_url,
    path_of,
    refuse_list,
    refuse_or_wheel_url,
    shown,
    wheel,
)
from ciao.s2i.packages.wanted import Index, Requirement, Wanted, Wheel, canonical

__all__ = ["read"]

_DEEPEST = 20
"""Requirements files that name each other."""

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def read(lines: Iterable[str], folder: Path, *, environ: Mapping[str, str] = os.environ) -> Wanted:
    """What the lines ask for. Relative paths are below ``folder``; ``${NAME}`` is read from the environment.

    Raises BundleError, which shows no credential, for what cannot be read or cannot be installed from wheels.
    """
    reading = _Reading(environ=environ)
    for line in lines:
        reading.words(split(line, f"%package={shown(line)}"), folder, where="%package")
    return reading.wanted()


@dataclass(kw_only=True)
class _Reading:
    environ: Mapping[str, str]
    requirements: list[Requirement] = field(default_factory=list)
    wheels: list[Wheel] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    index: Index | None = None
    extra: list[Index] = field(default_factory=list)
    links: list[Index | Path] = field(default_factory=list)
    trusted: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

    def wanted(self) -> Wanted:
        return Wanted(
            requirements=tuple(sorted(set(self.requirements))),
            wheels=tuple(sorted(set(self.wheels))),
            constraints=tuple(sorted(set(self.constraints))),
            index=self.index,
            extra=tuple(dict.fromkeys(self.extra)),
            links=tuple(dict.fromkeys(self.links)),
            trusted=tuple(sorted(set(self.trusted))),
            no_index="no-index" in self.flags,
            pre="pre" in self.flags,
        )

    def words(self, words: Sequence[str], folder: Path, *, where: str, depth: int = 0, limiting: bool = False) -> None:
        """All words of a line. ``limiting``: it is one of a constraints file."""
        rest = list(joined(words))
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                self._requirement(word, folder, where=where, limiting=limiting)
                continue
            name, value = option(word, rest, where)
            self._option(name, value, folder, where=where, depth=depth, limiting=limiting)

    def _option(self, name: str, value: str, folder: Path, *, where: str, depth: int, limiting: bool) -> None:
        match OPTIONS[name]:
            case "file" | "constraints" as kind:
                self._file(value, folder, where=where, depth=depth, limiting=limiting or kind == "constraints")
            case "index":
                self.index = self._url(value, where)
            case "extra":
                self.extra.append(self._url(value, where))
            case "links":
                self.links.append(self._link(value, folder, where))
            case "trusted":
                self.trusted.append(value)
            case "hash":
                self._hash(value, where, limiting=limiting)
            case "editable" | "source":
                raise BundleError(
                    f"{where}: {name} {shown(value)} needs a build, and packages are wheels", hint=BUILD_HINT
                )
            case flag:
                self.flags.add(flag)

    def _requirement(self, word: str, folder: Path, *, where: str, limiting: bool) -> None:
        text = _expanded(word, self.environ, where) if "${" in word else word
        if is_path(text) or is_file_url(text):
            self.wheels.append(wheel(text, folder, where))
            return
        refuse_list(text, folder, where)
        found = NAME.fullmatch(text)
        if found is None or VCS.match(text) or "://" in text.split("@")[0]:
            refuse_or_wheel_url(text, where)
            self.requirements.append(Requirement(name=name_in_url(text), text=text))
            return
        if found["rest"].startswith("@"):
            self._direct(found, folder, where)
            return
        one = Requirement(name=canonical(found["name"]), text=tidy(found, where))
        self.constraints.append(one.text) if limiting else self.requirements.append(one)

    def _direct(self, found: re.Match[str], folder: Path, where: str) -> None:
        """``name @ URL``: of a wheel, here or elsewhere."""
        url = found["rest"][1:].strip()
        if is_path(url) or is_file_url(url):
            one = wheel(url, folder, where)
            self.wheels.append(Wheel(path=one.path, extras=found["extras"] or one.extras))
            return
        refuse_or_wheel_url(url, where)
        name = canonical(found["name"])
        self.requirements.append(Requirement(name=name, text=f"{name}{found['extras'] or ''} @ {url}"))

    def _hash(self, value: str, where: str, *, limiting: bool) -> None:
        if limiting:
            return  # a constraint's hashes add nothing: what it constrains is locked with its own
        if not self.requirements or not re.fullmatch(r"sha(256|384|512):[0-9a-f]+", value):
            raise BundleError(f"{where}: --hash={value[:80]} belongs behind a requirement, as sha256:...")
        last = self.requirements[-1]
        self.requirements[-1] = Requirement(name=last.name, text=last.text, hashes=tuple(sorted({*last.hashes, value})))

    def _url(self, value: str, where: str) -> Index:
        url = _expanded(value, self.environ, where)
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise BundleError(
                f"{where}: {shown(url)!r} is not the URL of an index", hint="Such as https://pypi.org/simple"
            )
        return Index.of(url)

    def _link(self, value: str, folder: Path, where: str) -> Index | Path:
        if urlsplit(value).scheme in ("http", "https"):
            return self._url(value, where)
        path = path_of(value, folder)
        if not path.is_dir():
            raise BundleError(f"{where}: --find-links {value}: there is no folder {path}")
        return path

    def _file(self, value: str, folder: Path, *, where: str, depth: int, limiting: bool) -> None:
        path = path_of(value, folder)
        if depth >= _DEEPEST:
            raise BundleError(f"{where}: {value} is named by itself, or by more than {_DEEPEST} others in a row")
        for number, line in lines(path, where):
            place = f"{value}, line {number}"
            self.words(split(line, place), path.parent, where=place, depth=depth + 1, limiting=limiting)


def _expanded(text: str, environ: Mapping[str, str], where: str) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise BundleError(f"{where}: the variable {found[1]} is not set where the kernel runs")
        return environ[found[1]]

    return _VARIABLE.sub(value, text)
