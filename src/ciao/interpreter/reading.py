"""From a cell to its spec, or to the first error in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import checks, options
from ciao.interpreter.grammar import Setting, settings_of
from ciao.interpreter.magics import Block, split
from ciao.interpreter.nearest import did_you_mean, listed
from ciao.interpreter.options import Option
from ciao.interpreter.roles import roles_of
from ciao.interpreter.source import Span, clip, clipped
from ciao.interpreter.values import BadValue
from ciao.model import Cell, CleanPolicy, JobSpec
from ciao.settings import Settings

__all__ = ["read"]

T = TypeVar("T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALSO_CALLED = {"torch": "pytorch", "tf": "tensorflow", "keras": "tensorflow", "xgb": "xgboost"}
_LATER_FRAMEWORKS = ("mpi", "deepspeed", "mlx")


def read(cell: Cell, *, settings: Settings) -> JobSpec:
    """The spec of a job cell. Raises CellError, and nothing else, whatever the text."""
    checks.check_characters(cell.text)
    block = split(cell.text)
    stated = _once(settings_of(block.magics))
    framework = FRAMEWORKS[_framework(stated, block, cell.text)]
    python = _value(stated, options.PYTHON)
    spec = JobSpec(
        cell=cell,
        code=block.code,
        framework=framework.name,
        roles=roles_of(stated, framework, settings),
        backend=_value(stated, options.BACKEND),
        name=_value(stated, options.NAME),
        clean_policy=_value(stated, options.CLEAN_POLICY) or CleanPolicy.RUNNING,
        timeout=_value(stated, options.TIMEOUT),
        retries=_value(stated, options.RETRIES) or 0,
        env=MappingProxyType({n[4:]: s.value for n, s in stated.items() if n.startswith("env.")}),
        python=python,
        background=bool(_value(stated, options.BACKGROUND)),
    )
    checks.check_code(block, filename=cell.filename, foreign=bool(python or settings.python))
    return spec


def _once(found: Iterable[Setting]) -> Mapping[str, Setting]:
    """By full name; every option known, each stated once, every value good. The first error of the cell is raised."""
    stated: dict[str, Setting] = {}
    for setting in found:
        option = options.find(setting.name)
        if option is None:
            raise _unknown(setting)
        if setting.name in stated:
            raise _twice(stated[setting.name], setting)
        _check_variable(setting)
        _parsed(setting, option)
        stated[setting.name] = setting
    return stated


def _unknown(setting: Setting) -> Exception:
    name = setting.name
    if options.later(name):
        return setting.name_span.option_error(
            f"the option {name} is not in this version", "Remove it; %ciao help lists the options that are"
        )
    role, _, rest = name.partition(".")
    if role in options.COUNTS and rest:
        hint = did_you_mean(rest, among=options.RESOURCES, else_list="The resources of a role are")
        return setting.name_span.option_error(f"a role has no resource {clip(rest)}", hint)
    hint = did_you_mean(name, among=options.full_names())
    known = listed([o.name for o in options.JOB] + [r.value for r in options.COUNTS])
    return setting.name_span.option_error(f"there is no option {clip(name)}", hint or f"The options are {known}")


def _twice(first: Setting, second: Setting) -> Exception:
    one, two = first.name_span.line, second.name_span.line
    where = f"on lines {one} and {two}" if one != two else f"on line {one}"
    return second.name_span.option_error(f"{second.name} is given twice, {where}", "Remove one of the two")


def _check_variable(setting: Setting) -> None:
    if setting.name.startswith("env.") and not _VARIABLE.fullmatch(setting.name, 4):
        raise setting.name_span.option_error(
            f"{clip(setting.name[4:])} is not the name of a variable", "Write letters, digits and _, no digit first"
        )


def _parsed(setting: Setting, option: Option[T]) -> T:
    try:
        return option.parse(setting.value)
    except BadValue as bad:
        message, hint = f"{clip(setting.value)} is not {bad.what}", bad.hint
    if not setting.value:
        message, hint = f"{setting.name} has no value", f"Write it as {option.example}"
    elif ";" in setting.value:
        hint = "Behind a ; the next option needs its own %, and in a %kubeflow line a space separates"
    elif option is options.FRAMEWORK:
        message, hint = _framework_hint(setting.value, message, hint)
    raise setting.value_span.option_error(message, hint)


def _framework_hint(value: str, message: str, hint: str) -> tuple[str, str]:
    if value in _LATER_FRAMEWORKS:
        return f"the framework {value} is not in this version", f"Write {listed(FRAMEWORKS, last='or')}"
    meant = _ALSO_CALLED.get(value.lower())
    return message, did_you_mean(meant) if meant else hint


def _value(stated: Mapping[str, Setting], option: Option[T]) -> T | None:
    setting = stated.get(option.name)
    return None if setting is None else _parsed(setting, option)


def _framework(stated: Mapping[str, Setting], block: Block, text: str) -> str:
    found = _value(stated, options.FRAMEWORK)
    if found is not None:
        return found
    if not block.magics:
        raise clipped(line=1, column=1, width=1, text=text).option_error(
            "this cell has no magic lines", "Begin it with a line such as %framework=pytorch"
        )
    first = block.magics[0]
    column = len(first.text) - len(first.text.lstrip()) + 1
    span = Span(line=first.number, column=column, width=len(first.text.strip()), source=first.text)
    raise span.option_error("this job cell names no framework", f"Add %framework=: {listed(FRAMEWORKS, last='or')}")
