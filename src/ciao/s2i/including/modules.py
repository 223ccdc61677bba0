"""Where a module or package is, by its dotted name, found without running any of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

from ciao.errors import BundleError, did_you_mean
from ciao.s2i.including.editable import mapped, pth_folders, site_folders

__all__ = ["Module", "Search", "is_name"]

_LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


@dataclass(frozen=True, kw_only=True)
class Module:
    """What has to be there so that a module can be imported: the outermost package around it that runs code.

    ``name`` is that package's, dotted, ``path`` its folder; of a module that is a single file, the file. A namespace
    has no code of its own and may have parts in several folders: each is a value, with the namespace's name.
    """

    name: str
    path: Path
    namespace: bool = False


def is_name(word: str) -> bool:
    """Whether a module can be called so."""
    return all(part.isidentifier() for part in word.split("."))


@dataclass(frozen=True)
class Search:
    """Where modules are looked for: as this process would, the notebook's folder first, and in editable installs.

    Finders that other packages added to this process are not asked: some build what they find.
    """

    path: Sequence[str]
    sites: Sequence[Path]
    mapping: Mapping[str, tuple[Path, ...]]

    @classmethod
    def of_process(cls, folder: Path) -> Search:
        """That of this process as it is now."""
        listed = [str(folder), *(os.path.abspath(p) for p in sys.path if isinstance(p, str))]  # noqa: PTH100  # texts
        sites = site_folders(listed)
        return cls(tuple(dict.fromkeys([*listed, *pth_folders(sites)])), sites, mapped(sites))

    def locate(self, word: str) -> tuple[Module, ...]:
        """All that is needed to import a module; nothing if there is none. Raises BundleError if half of it is."""
        parts = word.split(".")
        locations: Sequence[str] = self.path
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            found, portions = self._find(name, locations)
            if found is not None:
                _check(found, parts[count:])
                return (found,)
            if not portions and not self._below(name):
                return ()
            locations = portions
        parts_of_it = (Module(name=word, path=Path(p), namespace=True) for p in locations if _has_code(p))
        return (*parts_of_it, *self._below(word))

    def names(self) -> set[str]:
        """Those of local modules and packages, for whoever mistyped one."""
        sites = {str(folder) for folder in self.sites}
        standard = (sys.prefix, sys.base_prefix)
        local = [p for p in self.path if p not in sites and not p.startswith(standard)]
        return {name for folder in local for name in _names_in(folder)} | set(self.mapping)

    def _find(self, name: str, locations: Sequence[str]) -> tuple[Module | None, list[str]]:
        """A module that runs code, else the folders of a namespace."""
        portions: list[str] = []
        last = name.rpartition(".")[2]
        for location in locations:
            spec = FileFinder(location, *_LOADERS).find_spec(last)
            if spec is not None and spec.loader is not None:
                return _module(name, spec), []
            portions += spec.submodule_search_locations or [] if spec is not None else []
        for path in self.mapping.get(name, ()):
            if found := _at(name, path):
                return found, []
            if path.is_dir():
                portions.append(str(path))
        return None, list(dict.fromkeys(portions))

    def _below(self, name: str) -> tuple[Module, ...]:
        """What editable installs have within a namespace."""
        inner = {key: paths for key, paths in self.mapping.items() if key.startswith(f"{name}.")}
        found = (_at(key, path) for key, paths in inner.items() for path in paths)
        return tuple(module for module in found if module is not None)


def _module(name: str, spec: ModuleSpec) -> Module:
    path = Path(spec.origin or "")
    return Module(name=name, path=path.parent if spec.submodule_search_locations is not None else path)


def _at(name: str, path: Path) -> Module | None:
    """What a finder module says: a package's folder, its __init__.py, a file, or a file without its suffix."""
    if path.name == "__init__.py":
        return Module(name=name, path=path.parent)
    if (path / "__init__.py").is_file():
        return Module(name=name, path=path)
    files = [path, *(path.with_name(path.name + suffix) for suffix in (*EXTENSION_SUFFIXES, ".py"))]
    return next((Module(name=name, path=file) for file in files if file.is_file()), None)


def _check(package: Module, rest: Sequence[str]) -> None:
    """That the package has the module that was asked for. Raises BundleError."""
    folder, name = package.path, package.name
    for part in rest:
        if folder.is_dir() and FileFinder(str(folder), *_LOADERS).find_spec(part) is not None:
            folder, name = folder / part, f"{name}.{part}"
            continue
        near = did_you_mean(part, _names_in(str(folder)))
        whole = f"%include={package.name} sends all of {package.name}"
        raise BundleError(f"{name} at {folder} has no module {part}", hint=f"{near} {whole}".strip())


def _has_code(folder: str) -> bool:
    """Python takes any folder for a namespace; what has no module in it, nor in the folders in it, is only a folder."""
    below = (entry.path for entry in os.scandir(folder) if entry.is_dir())
    suffixes = (".py", *EXTENSION_SUFFIXES)
    return any(name.endswith(suffixes) for path in (folder, *below) for name in os.listdir(path))  # noqa: PTH208  # names


def _names_in(folder: str) -> Iterator[str]:
    """Names that could be imported from a folder."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # names alone
    except OSError:
        return
    for name in names:
        stem, dot, suffix = name.partition(".")
        if stem.isidentifier() and (not dot or f".{suffix}" in (".py", *EXTENSION_SUFFIXES)):
            yield stem
