"""What is named by where it is, a path or a URL: wheels are taken, and all else is refused with what to do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ciao.errors import BundleError
from ciao.s2i.packages.wanted import Wheel, canonical, without_userinfo

__all__ = [
    "BUILD_HINT",
    "VCS",
    "is_file_url",
    "is_path",
    "name_in_url",
    "path_of",
    "refuse_list",
    "refuse_or_wheel_url",
    "shown",
    "wheel",
]

BUILD_HINT = (
    "Build a wheel of it (`python -m build --wheel`) and name that file, or choose a strategy that builds an image"
)

VCS = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)

_SOURCES = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
_LISTS = (".txt", ".in", ".lock", ".cfg", ".toml", ".yml", ".yaml", ".csv")


def path_of(text: str, folder: Path) -> Path:
    """The path that is meant, below ``folder`` if it is relative; ``~`` is the home."""
    return Path(os.path.normpath(folder / Path(text).expanduser()))


def is_path(text: str) -> bool:
    """Whether it names a file of this machine, and no package."""
    bare = text.split("[", maxsplit=1)[0].strip()
    looks = bare.startswith((".", "/", "~")) or bare.endswith((".whl", *_SOURCES))
    return looks and "://" not in bare and "@" not in bare


def is_file_url(text: str) -> bool:
    """Whether it is a path, written as a URL."""
    return text.startswith("file:")


def wheel(text: str, folder: Path, where: str) -> Wheel:
    """The wheel at this path, with the extras behind it in brackets. Raises BundleError for anything else."""
    bare, bracket, extras = text.partition("[")
    if is_file_url(bare):
        bare = unquote(urlsplit(bare).path)
    path = path_of(bare.strip(), folder)
    if path.suffix != ".whl":
        kind = (
            "a source distribution" if path.name.endswith(_SOURCES) else "a folder" if path.is_dir() else "not a wheel"
        )
        raise BundleError(f"{where}: {bare} is {kind}, and packages are wheels", hint=BUILD_HINT)
    if not path.is_file():
        raise BundleError(f"{where}: there is no file {path}", hint="Its path is relative to the notebook's folder")
    if len(path.stem.split("-")) not in (5, 6):
        raise BundleError(f"{where}: {path.name} is not named as wheels are: name-1.0-py3-none-any.whl")
    return Wheel(path=path, extras=bracket + extras)


def refuse_list(text: str, folder: Path, where: str) -> None:
    """A file with names of packages is none itself, and no index is asked for one that is called so."""
    if "://" in text or "@" in text:
        return
    if text.endswith(".txt") or (Path(text).suffix in _LISTS and path_of(text, folder).is_file()):
        hint = f"Did you mean -r {text}?" if not text.endswith((".toml", ".yml", ".yaml")) else "Name packages, or -r"
        raise BundleError(f"{where}: {text} is the name of a file, and not of a package", hint=hint)


def refuse_or_wheel_url(url: str, where: str) -> None:
    """Return for the URL of a wheel alone."""
    place = shown(url)
    if VCS.match(url):
        raise BundleError(f"{where}: {place} is source code, and packages are wheels", hint=BUILD_HINT)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise BundleError(
            f"{where}: {place!r} is not a requirement", hint="Such as torchmetrics==1.4.0 or 'pandas>=2,<3'"
        )
    if parts.username or parts.password:
        raise BundleError(
            f"{where}: {place} has a user name in it",
            hint="Name the page that lists it with --find-links, or use ~/.netrc",
        )
    if not parts.path.endswith(".whl"):
        raise BundleError(f"{where}: {place} is not a wheel", hint=BUILD_HINT)


def name_in_url(url: str) -> str:
    """The package whose wheel is at this URL."""
    return canonical(unquote(urlsplit(url).path).rpartition("/")[2].split("-")[0])


def shown(text: str) -> str:
    """For a message: no user and password of a URL in it."""
    return re.sub(r"[A-Za-z][\w+.-]*://\S+", lambda m: _bare(m[0]), text)[:200]


def _bare(url: str) -> str:
    return without_userinfo(url) if "@" in url or "?" in url else url
