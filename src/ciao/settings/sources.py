"""Where settings come from: two files and the environment.

The config.yaml of the first Ciao (kubeconfig, namespace, s2i, and cpu and memory by role) is read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from ciao.errors import SettingsError, did_you_mean
from ciao.model import Resources, Role
from ciao.settings.table import BY_KEY, SETTINGS, Given, Setting, Settings

__all__ = ["SYSTEM_FILE", "load", "survey"]

SYSTEM_FILE = Path("/etc/ciao/config.yaml")


def load(environ: Mapping[str, str] = os.environ, *, system: Path = SYSTEM_FILE) -> Settings:
    """Everything the user set. Raises SettingsError, which names the file or variable, the key and what is allowed.

    A variable or key without a value counts as not set.
    """
    settings, mistakes = survey(environ, system=system)
    if mistakes:
        raise mistakes[0]
    return settings


def survey(
    environ: Mapping[str, str] = os.environ, *, system: Path = SYSTEM_FILE
) -> tuple[Settings, tuple[SettingsError, ...]]:
    """As :func:`load`, of as much as can be read, and the first mistake of each file and variable.

    Raises SettingsError if there is no home: nothing works without one.
    """
    values: dict[str, object] = {}
    given: dict[str, Given] = {}
    mistakes: list[SettingsError] = []
    home = _home(environ)
    for source, found in _sources(environ, files=(system, home / "config.yaml")):
        try:
            for setting, text in found:
                values[setting.key] = _read(setting, text, source=source)
                given[setting.key] = Given(setting.show(text), source)
        except SettingsError as error:
            error.source = source
            mistakes.append(error)
    return _settings({"home": home} | values, given), tuple(mistakes)


def _sources(
    environ: Mapping[str, str], *, files: Sequence[Path]
) -> Iterator[tuple[str, Iterable[tuple[Setting, str]]]]:
    """Weakest first: each file or variable, and what it sets."""
    for file in files:
        yield str(file), _from_file(file)
    for setting in SETTINGS:
        if text := environ.get(setting.variable, ""):
            yield setting.variable, [(setting, text)]


def _home(environ: Mapping[str, str]) -> Path:
    return cast("Path", _read(BY_KEY["home"], environ.get("CIAO_HOME") or "~/.ciao", source="CIAO_HOME"))


def _settings(values: Mapping[str, object], given: Mapping[str, Given]) -> Settings:
    roles: dict[str, dict[str, Any]] = {}
    plain: dict[str, Any] = {}
    images: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        role, _, resource = key.rpartition(".")
        if role in tuple(Role):
            roles.setdefault(role, {})[resource] = value
        elif role in ("images", "s2i.images"):
            images.setdefault(role, {})[resource] = str(value)
        else:
            plain[BY_KEY[key.lower()].field] = value
    resources = {role: Resources(**asked) for role, asked in roles.items()}
    plain["images"] = MappingProxyType(images.get("images", {}))
    plain["s2i_images"] = MappingProxyType(images.get("s2i.images", {}))
    return Settings(**plain, resources=MappingProxyType(resources), given=MappingProxyType(dict(given)))


def _read(setting: Setting, text: str, *, source: str) -> object:
    try:
        return setting.read(text)
    except ValueError as error:
        where = source if source == setting.variable else f"{source}: {setting.key}"
        rule, _, hint = str(error).partition(". ")
        raise SettingsError(f"{where} is {setting.show(text)!r}, but {rule}", hint=hint) from None


def _from_file(file: Path) -> Iterator[tuple[Setting, str]]:
    for key, value in _flat(_parsed(file), file=file):
        setting = BY_KEY.get(key.lower())
        if setting is None:
            raise _unknown(key, file=file)
        if not setting.in_files:
            raise SettingsError(f"{file}: {key} cannot be set in a file", hint=f"Set the variable {setting.variable}")
        if text := _joined(value, setting, where=f"{file}: {key}"):
            yield setting, text


def _joined(value: str | list[object], setting: Setting, *, where: str) -> str:
    if isinstance(value, str):
        return value
    if not setting.several or not all(isinstance(one, str) for one in value):
        raise SettingsError(f"{where} is a list, but must be one value")
    return ", ".join(map(str, value))


def _parsed(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{file} cannot be read: {words}", hint="Correct it or remove it") from None
    import yaml  # only who has a file pays for it

    try:
        # Every value stays the text it is: 0123 in a password, 0.10 in a quantity, `no` as a name.
        tree = yaml.load(text, Loader=yaml.BaseLoader)  # builds text, lists and mappings only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "special characters are not allowed"
        raise SettingsError(f"{file}{place}: not valid YAML: {problem}") from None
    if tree in (None, ""):
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: must hold settings such as 'backend: local'")
    return tree


def _flat(tree: Mapping[Any, Any], *, file: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            if key.lower() in BY_KEY:
                raise SettingsError(f"{file}: {key} is a section, but must be one value")
            yield from _flat(value, file=file, prefix=f"{key}.")
        elif value or key.lower() in BY_KEY:
            yield key, value


def _unknown(key: str, *, file: Path) -> SettingsError:
    below = f"{key.lower()}."
    inside = dict.fromkeys(s.key[len(below) :].partition(".")[0] for s in SETTINGS if s.key.lower().startswith(below))
    if inside:
        return SettingsError(f"{file}: {key} must be a section", hint=f"Write below it: {', '.join(inside)}")
    known = [s.key for s in SETTINGS if s.in_files]
    nearest = did_you_mean(key, known)
    return SettingsError(f"{file}: unknown setting {key!r}", hint=nearest or "`%ciao config` lists all settings")
