"""What a cell states: its options by name, each known, its value good."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import options
from ciao.interpreter.grammar import Setting
from ciao.interpreter.nearest import did_you_mean, listed
from ciao.interpreter.option import Option
from ciao.interpreter.role_options import COUNTS, RESOURCES
from ciao.interpreter.source import clip
from ciao.interpreter.values import BadValue

__all__ = ["Stated", "once", "places"]

T = TypeVar("T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALSO_CALLED = {"torch": "pytorch", "tf": "tensorflow", "keras": "tensorflow", "xgb": "xgboost"}
_LATER_FRAMEWORKS = ("deepspeed", "mlx")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One option as stated, and its value."""

    setting: Setting
    option: Option[Any]
    value: Any


@dataclass(frozen=True, kw_only=True)
class Stated:
    """``all`` is in the cell's order. ``by_name`` has the full names; of an option that was repeated, the first."""

    all: tuple[Entry, ...]
    by_name: Mapping[str, Setting]

    def value(self, option: Option[T], *, of: str = "") -> T | None:
        """What the job states of this option, or a role; None if nothing."""
        name = f"{of}.{option.name}" if of else option.name
        return next((entry.value for entry in self.all if entry.setting.name == name), None)

    def every(self, option: Option[T]) -> Iterator[tuple[Setting, T]]:
        """All of an option that repeats, or of a family."""
        return ((entry.setting, entry.value) for entry in self.all if entry.option is option)

    def named(self, option: Option[T]) -> Mapping[str, T]:
        """All of a family, by what stands for its NAME."""
        return MappingProxyType({s.name.removeprefix(option.family): value for s, value in self.every(option)})


def once(found: Iterable[Setting]) -> Stated:
    """Each option known, and stated once, and its value good. The first error of the cell is raised."""
    by_name: dict[str, Setting] = {}
    entries: list[Entry] = []
    for setting in found:
        option = options.find(setting.name)
        if option is None:
            raise _unknown(setting)
        if setting.name in by_name and not option.repeats:
            raise _twice(by_name[setting.name], setting)
        _check_variable(setting, option)
        entries.append(Entry(setting=setting, option=option, value=_parsed(setting, option)))
        by_name.setdefault(setting.name, setting)
    return Stated(all=tuple(entries), by_name=MappingProxyType(by_name))


def places(first: Setting, second: Setting) -> str:
    """Where two settings stand."""
    one, two = first.name_span.line, second.name_span.line
    return f"on lines {one} and {two}" if one != two else f"on line {one}"


def _twice(first: Setting, second: Setting) -> Exception:
    words = f"{second.name} is given twice, {places(first, second)}"
    return second.name_span.option_error(words, "Remove one of the two")


def _unknown(setting: Setting) -> Exception:
    name = setting.name
    if options.later(name):
        return setting.name_span.option_error(
            f"the option {name} is not in this version", "Remove it; %ciao help options lists those that are"
        )
    role, _, rest = name.partition(".")
    if role in COUNTS and rest:
        hint = did_you_mean(rest, among=options.OF_A_ROLE, else_list="A role has", option=True)
        hint += "" if hint.endswith("?") else ", and resources by their full names, such as nvidia.com/mig-1g.5gb"
        return setting.name_span.option_error(f"a role has no option {clip(rest)}", hint)
    hint = did_you_mean(name, among=options.words(), option=True)
    known = listed(o.name for o in options.OPTIONS if o.scope != "resource")
    hint = hint or f"The options are {known}; a role has {listed(RESOURCES)}"
    return setting.name_span.option_error(f"there is no option {clip(name)}", hint)


def _check_variable(setting: Setting, option: Option[object]) -> None:
    if option.family and not _VARIABLE.fullmatch(setting.name, len(option.family)):
        name = setting.name.removeprefix(option.family)
        raise setting.name_span.option_error(
            f"{clip(name)} is not the name of a variable", "Write letters, digits and _, no digit first"
        )


def _parsed(setting: Setting, option: Option[T]) -> T:
    try:
        return option.parse(setting.value)
    except BadValue as bad:
        message, hint = f"{clip(setting.value)} is not {bad.what}", bad.hint
    if not setting.value:
        message, hint = f"{setting.name} has no value", f"Write it as {option.example}"
    elif ";" in setting.value and option.name != "patch" and not option.words:
        hint = "Behind a ; the next option needs its own %, and in a %kubeflow line a space separates"
    elif option.name == "framework":
        message, hint = _framework_hint(setting.value, message, hint)
    raise setting.value_span.option_error(message, hint)


def _framework_hint(value: str, message: str, hint: str) -> tuple[str, str]:
    if value in _LATER_FRAMEWORKS:
        return f"the framework {value} is not in this version", f"Write {listed(FRAMEWORKS, last='or')}"
    meant = _ALSO_CALLED.get(value.lower())
    return message, did_you_mean(meant) if meant else hint
