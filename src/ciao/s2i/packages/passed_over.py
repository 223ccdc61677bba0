"""Indexes that pip or uv are told of and a cell's packages do not come from: somebody may rely on them."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ciao.model import Notice
from ciao.s2i.packages.indexes import Sources
from ciao.s2i.packages.wanted import without_userinfo

__all__ = ["passed_over"]

VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
)
KEYS = ("index-url", "index_url", "extra-index-url", "extra_index_url")
SECTIONS = ("global", "install", "download")
FOLDERS = (Path("/etc"), Path("/etc/xdg/pip"), Path(sys.prefix))
"""Where pip looks for all users of a machine, and of an environment."""


def passed_over(
    found: Sources, environ: Mapping[str, str] = os.environ, *, folders: Sequence[Path] = FOLDERS
) -> Iterator[Notice]:
    """A warning if an index is set for pip or uv, and none for Ciao. No value is shown: it may have a password."""
    if found.none or found.chosen:
        return
    names = [name for name in VARIABLES if _others(environ.get(name, ""), found)]
    names += [f"index-url in {path}" for path in _files(environ, folders) if _others(_said(path), found)]
    if names:
        text = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} for pip or uv alone"
        where = f"these packages come from {found.index.url}"
        yield Notice(text=f"{text}: {where}. Set packages.index to use another index.", level="warning")


def _others(said: str, found: Sources) -> bool:
    """Whether an index is named that is not asked anyway. Uv's may have names: ``mine=https://...``."""
    known = {one.url for one in found.remote}
    urls = [word[word.find("http") :] for word in said.replace(",", " ").split() if "://" in word]
    return any(_bare(url) not in known for url in urls)


def _bare(url: str) -> str:
    try:
        return without_userinfo(url)
    except ValueError:
        return ""


def _files(environ: Mapping[str, str], folders: Sequence[Path]) -> Iterator[Path]:
    """Where pip looks on Linux and macOS, whether it is there or not."""
    if (named := environ.get("PIP_CONFIG_FILE")) == os.devnull:
        return
    places = [folder / "pip.conf" for folder in folders]
    if home := environ.get("HOME"):
        config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
        places += [Path(home) / ".pip" / "pip.conf", Path(config) / "pip" / "pip.conf"]
    yield from (*places, *([Path(named)] if named else []))


def _said(path: Path) -> str:
    """Its indexes, or nothing."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return ""
    return " ".join(parser.get(section, key, fallback="") for section in SECTIONS for key in KEYS)
