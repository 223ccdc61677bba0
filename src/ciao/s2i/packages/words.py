"""The words of ``%package=`` lines and of requirements files, as pip takes them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ciao.errors import BundleError, did_you_mean
from ciao.s2i.packages.clauses import NAME, tidy
from ciao.s2i.packages.wanted import Index, Requirement, Wanted, Wheel, canonical, without_userinfo

__all__ = ["read"]

DEEPEST = 20
"""Requirements files that name each other."""

LARGEST = 4 * 1024 * 1024
"""Bytes of one requirements file."""

BUILD_HINT = (
    "Build a wheel of it (`python -m build --wheel`) and name that file, or choose a strategy that builds an image"
)
OPTIONS: Mapping[str, str] = {
    "-r": "file", "--requirement": "file", "--requirements": "file",
    "-c": "constraints", "--constraint": "constraints", "--constraints": "constraints",
    "-i": "index", "--index-url": "index", "--default-index": "index",
    "--extra-index-url": "extra", "--index": "extra",
    "-f": "links", "--find-links": "links",
    "--no-index": "no-index", "--pre": "pre",
    "--trusted-host": "trusted",
    "--hash": "hash",
    "--only-binary": "ignored", "--prefer-binary": "nothing", "--require-hashes": "nothing",
    "-e": "editable", "--editable": "editable",
    "--no-binary": "source",
}  # fmt: skip
"""Each option's meaning. Wheels are all that is ever installed, so what asks for that changes nothing."""

ONE_OF_PIPS = {
    **dict.fromkeys(
        ("-U", "--upgrade", "--upgrade-strategy", "--force-reinstall", "-I", "--ignore-installed"),
        "What the image has is kept if it fits: name the version to have a newer one, such as 'einops>=0.8'",
    ),
    "--no-deps": "What a package needs comes along, unless the image has it",
    **dict.fromkeys(
        ("-q", "--quiet", "-v", "--verbose", "-y", "--user", "--no-cache-dir", "--no-input", "--progress-bar"),
        "Leave it out: packages go into the image, or beside the Python of this machine",
    ),
    **dict.fromkeys(("-t", "--target", "--prefix", "--root"), "Leave it out: where packages go is not to be chosen"),
}
"""Options of pip that say nothing here, with what to know or to write in place of each."""

ALONE = frozenset({"no-index", "pre", "nothing"})
"""Meanings of options that take no value."""

VCS = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)
SOURCES = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
LISTS = (".txt", ".in", ".lock", ".cfg", ".toml", ".yml", ".yaml", ".csv")
JOINED_AFTER = re.compile(r"[=<>~!,;@]$")
JOINED_BEFORE = re.compile(r"[=<>~!,;@\[]")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def read(lines: Iterable[str], folder: Path, *, environ: Mapping[str, str] = os.environ) -> Wanted:
    """What the lines ask for. Relative paths are below ``folder``; ``${NAME}`` is read from the environment.

    Raises BundleError, which shows no credential, for what cannot be read or cannot be installed from wheels.
    """
    reading = _Reading(environ=environ)
    for line in lines:
        reading.words(_split(line, f"%package={_shown(line)}"), folder, where="%package")
    return reading.wanted()


def _split(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as e:
        raise BundleError(f"{where} cannot be read: {e}", hint='Quote as in a shell: %package="name>=1.0"') from None


def _joined(words: Sequence[str]) -> Iterator[str]:
    """``numpy >= 2`` is one requirement, as in a requirements file. Options and their values stay as they are."""
    current, is_value = "", False
    for word in words:
        if word.startswith("-") or is_value:
            yield from filter(None, (current, word))
            current, is_value = "", not is_value and OPTIONS.get(word, "nothing") not in ALONE
        elif current and (JOINED_AFTER.search(current) or JOINED_BEFORE.match(word)):
            space = " " if word.startswith(("@", ";")) or current.endswith(("@", ";")) else ""
            current += space + word
        else:
            yield from filter(None, (current,))
            current = word
    yield from filter(None, (current,))


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
        rest = list(_joined(words))
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                self._requirement(word, folder, where=where, limiting=limiting)
                continue
            option, value = _option(word, rest, where)
            self._option(option, value, folder, where=where, depth=depth, limiting=limiting)

    def _option(self, option: str, value: str, folder: Path, *, where: str, depth: int, limiting: bool) -> None:
        match OPTIONS[option]:
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
                    f"{where}: {option} {_shown(value)} needs a build, and packages are wheels", hint=BUILD_HINT
                )
            case flag:
                self.flags.add(flag)

    def _requirement(self, word: str, folder: Path, *, where: str, limiting: bool) -> None:
        text = _expanded(word, self.environ, where) if "${" in word else word
        if _is_path(text) or _is_file_url(text):
            self.wheels.append(_wheel(text, folder, where))
            return
        _refuse_list(text, folder, where)
        found = NAME.fullmatch(text)
        if found is None or VCS.match(text) or "://" in text.split("@")[0]:
            _refuse_or_wheel_url(text, where)
            self.requirements.append(Requirement(name=_name_in_url(text), text=text))
            return
        if found["rest"].startswith("@"):
            self._direct(found, folder, where)
            return
        one = Requirement(name=canonical(found["name"]), text=tidy(found, where))
        self.constraints.append(one.text) if limiting else self.requirements.append(one)

    def _direct(self, found: re.Match[str], folder: Path, where: str) -> None:
        """``name @ URL``: of a wheel, here or elsewhere."""
        url = found["rest"][1:].strip()
        if _is_path(url) or _is_file_url(url):
            wheel = _wheel(url, folder, where)
            self.wheels.append(Wheel(path=wheel.path, extras=found["extras"] or wheel.extras))
            return
        _refuse_or_wheel_url(url, where)
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
                f"{where}: {_shown(url)!r} is not the URL of an index", hint="Such as https://pypi.org/simple"
            )
        return Index.of(url)

    def _link(self, value: str, folder: Path, where: str) -> Index | Path:
        if urlsplit(value).scheme in ("http", "https"):
            return self._url(value, where)
        path = _path(value, folder)
        if not path.is_dir():
            raise BundleError(f"{where}: --find-links {value}: there is no folder {path}")
        return path

    def _file(self, value: str, folder: Path, *, where: str, depth: int, limiting: bool) -> None:
        path = _path(value, folder)
        if depth >= DEEPEST:
            raise BundleError(f"{where}: {value} is named by itself, or by more than {DEEPEST} others in a row")
        for number, line in _lines(path, where):
            place = f"{value}, line {number}"
            self.words(_split(line, place), path.parent, where=place, depth=depth + 1, limiting=limiting)


def _refuse_list(text: str, folder: Path, where: str) -> None:
    """A file with names of packages is none itself, and no index is asked for one that is called so."""
    if "://" in text or "@" in text:
        return
    if text.endswith(".txt") or (Path(text).suffix in LISTS and _path(text, folder).is_file()):
        hint = f"Did you mean -r {text}?" if not text.endswith((".toml", ".yml", ".yaml")) else "Name packages, or -r"
        raise BundleError(f"{where}: {text} is the name of a file, and not of a package", hint=hint)


def _option(word: str, rest: list[str], where: str) -> tuple[str, str]:
    """The option and its value, which may be joined to it: ``--index-url=URL``, ``-rfile``."""
    name, equals, value = word.partition("=")
    if name not in OPTIONS and word[:2] in OPTIONS and not word.startswith("--"):
        name, equals, value = word[:2], "=", word[2:]
    if name in ONE_OF_PIPS:
        raise BundleError(f"{where}: {name} has no meaning for packages of a cell", hint=ONE_OF_PIPS[name])
    if name not in OPTIONS:
        near = did_you_mean(name, OPTIONS, before=" ").strip()
        raise BundleError(
            f"{where}: {name} is not an option of packages", hint=near or f"There are {', '.join(_taken())}"
        )
    if OPTIONS[name] in ALONE:
        return name, ""
    if not equals and not rest:
        raise BundleError(f"{where}: {name} needs a value")
    return name, value if equals else rest.pop(0)


def _taken() -> list[str]:
    return [o for o, meaning in OPTIONS.items() if o.startswith("--") and meaning not in ("editable", "source")]


def _lines(path: Path, where: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something: without comments, continued lines joined."""
    try:
        if path.stat().st_size > LARGEST:
            raise BundleError(f"{where}: {path} is too large for a requirements file")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not text in UTF-8"
        raise BundleError(
            f"{where}: {path} cannot be read: {reason}", hint="Its path is relative to the notebook's folder"
        ) from e
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        joined += line
        if joined.endswith("\\") and not line.lstrip().startswith("#"):
            joined = joined[:-1] + " "
            continue
        if bare := re.sub(r"(^|\s)#.*$", "", joined).strip():
            yield begun, _guarded(bare)
        begun, joined = 0, ""
    if joined.strip():
        yield begun, _guarded(joined.strip())


def _guarded(line: str) -> str:
    """A file's line in a shell's quotes: there the marker behind ``;`` is unquoted and has quotes of its own."""
    before, semicolon, marker = line.partition(";")
    if not semicolon or before.lstrip().startswith("-"):
        return line
    marker, *hashes = re.split(r"\s(?=--hash)", marker)
    return " ".join((shlex.quote(f"{before.strip()} ; {marker.strip()}"), *hashes))


def _expanded(text: str, environ: Mapping[str, str], where: str) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise BundleError(f"{where}: the variable {found[1]} is not set where the kernel runs")
        return environ[found[1]]

    return VARIABLE.sub(value, text)


def _path(text: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / Path(text).expanduser()))


def _is_path(text: str) -> bool:
    bare = text.split("[", maxsplit=1)[0].strip()
    looks = bare.startswith((".", "/", "~")) or bare.endswith((".whl", *SOURCES))
    return looks and "://" not in bare and "@" not in bare


def _is_file_url(text: str) -> bool:
    return text.startswith("file:")


def _wheel(text: str, folder: Path, where: str) -> Wheel:
    bare, bracket, extras = text.partition("[")
    if _is_file_url(bare):
        bare = unquote(urlsplit(bare).path)
    path = _path(bare.strip(), folder)
    if path.suffix != ".whl":
        kind = (
            "a source distribution" if path.name.endswith(SOURCES) else "a folder" if path.is_dir() else "not a wheel"
        )
        raise BundleError(f"{where}: {bare} is {kind}, and packages are wheels", hint=BUILD_HINT)
    if not path.is_file():
        raise BundleError(f"{where}: there is no file {path}", hint="Its path is relative to the notebook's folder")
    if len(path.stem.split("-")) not in (5, 6):
        raise BundleError(f"{where}: {path.name} is not named as wheels are: name-1.0-py3-none-any.whl")
    return Wheel(path=path, extras=bracket + extras)


def _refuse_or_wheel_url(url: str, where: str) -> None:
    """Return for the URL of a wheel alone."""
    shown = _shown(url)
    if VCS.match(url):
        raise BundleError(f"{where}: {shown} is source code, and packages are wheels", hint=BUILD_HINT)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise BundleError(
            f"{where}: {shown!r} is not a requirement", hint="Such as torchmetrics==1.4.0 or 'pandas>=2,<3'"
        )
    if parts.username or parts.password:
        raise BundleError(
            f"{where}: {shown} has a user name in it",
            hint="Name the page that lists it with --find-links, or use ~/.netrc",
        )
    if not parts.path.endswith(".whl"):
        raise BundleError(f"{where}: {shown} is not a wheel", hint=BUILD_HINT)


def _name_in_url(url: str) -> str:
    return canonical(unquote(urlsplit(url).path).rpartition("/")[2].split("-")[0])


def _shown(text: str) -> str:
    """For a message: no user and password of a URL in it."""
    return re.sub(r"[A-Za-z][\w+.-]*://\S+", lambda m: _bare(m[0]), text)[:200]


def _bare(url: str) -> str:
    return without_userinfo(url) if "@" in url or "?" in url else url
