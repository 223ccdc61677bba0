"""What is known of an installed package: whether it came from an index, and the metadata that a local one needs."""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ciao.errors import BundleError
from ciao.s2i.including.found import MODULES, File
from ciao.s2i.including.modules import Module

__all__ = ["Installed", "Owner", "refuse_standard"]

PARTS = ("METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt")
"""What programs ask for: the version, and plugins. RECORD and direct_url.json name paths of this machine."""


def refuse_standard(word: str) -> None:
    """Raises BundleError for a module that every replica has."""
    if word.partition(".")[0] in (*sys.builtin_module_names, *sys.stdlib_module_names):
        raise BundleError(f"{word} is a part of Python: every replica has it", hint=f"Remove %include={word}")


@dataclass(frozen=True, kw_only=True)
class Owner:
    """What a local module was installed as; ``source`` is the folder of the project, as text."""

    found: metadata.Distribution
    source: str

    def metadata(self) -> Iterator[File]:
        """Files by which a package finds its own version and plugins."""
        name = re.sub(r"[-_.]+", "_", self.found.metadata["Name"])
        for part in PARTS:
            text = (self.found.read_text(part) or "").encode()
            if text:
                target = f"{MODULES}/{name}-{self.found.version}.dist-info/{part.replace('PKG-INFO', 'METADATA')}"
                yield File(target=target, path=Path(self.source, part), size=len(text), text=text)


class Installed:
    """The distributions that are installed where modules are looked for."""

    def __init__(self, path: Sequence[str], sites: Sequence[Path]) -> None:
        self._path = list(path)
        self._sites = [os.path.realpath(site) for site in sites]

    def refuse_from_index(self, word: str, module: Module) -> None:
        """Raises BundleError for a package that %package= brings, made for where replicas run."""
        if not _is_below(module.path, self._sites):
            _refuse_pythons_own(word, module)
            return
        for name in metadata.packages_distributions().get(module.name.partition(".")[0], ()):
            found = metadata.distribution(name)
            if _local_source(found) is None:
                words = f"{word} is a package of {name} {found.version}, which was installed, not a module of yours"
                raise BundleError(words, hint=f"Write %package={_requirement(found)} in place of %include={word}")

    def owner(self, module: Module) -> Owner | None:
        """The innermost project that has a module among its sources, or its metadata beside it."""
        near = [
            Owner(found=found, source=source)
            for found in metadata.distributions(path=self._path)
            if (source := _local_source(found) or _beside(found, module)) and _is_below(module.path, [source])
        ]
        return max(near, key=lambda owner: len(owner.source), default=None)


def _beside(found: metadata.Distribution, module: Module) -> str | None:
    """The folder that has both the metadata and the module, as `setup.py develop` and an installed archive have it."""
    top = module.name.partition(".")[0]
    above = os.path.realpath(module.path.parents[module.name.count(".")])
    if os.path.realpath(str(found.locate_file(""))) != above:
        return None
    return above if top in (found.read_text("top_level.txt") or "").split() else None


def _local_source(found: metadata.Distribution) -> str | None:
    """The folder or archive of this machine that it was installed from; None for an index, or another machine's."""
    try:
        url = str(json.loads(found.read_text("direct_url.json") or "{}").get("url", ""))
    except (ValueError, AttributeError):
        return None
    path = os.path.realpath(unquote(urlsplit(url).path))
    return path if url.startswith("file:") and os.path.exists(path) else None  # noqa: PTH110  # texts throughout


def _requirement(found: metadata.Distribution) -> str:
    return f"{found.metadata['Name']}=={found.version}"


def _refuse_pythons_own(word: str, module: Module) -> None:
    """What lies in Python's own folders is Python's."""
    own = [os.path.realpath(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")]
    if _is_below(module.path, own):
        raise BundleError(f"{word} is a part of Python: every replica has it", hint=f"Remove %include={word}")


def _is_below(path: Path, folders: Sequence[str]) -> bool:
    real = os.path.realpath(path)
    lexical = os.path.abspath(path)  # noqa: PTH100  # a package that is linked into an environment lies in it
    return any(p.startswith(f"{folder.rstrip('/')}/") for p in (real, lexical) for folder in folders)
