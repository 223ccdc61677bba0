"""From magic lines to settings: the three spellings become one.

::

    %worker=2;%cpu=1                          option (";" option)*
    %package=einops 'pandas>=2'               words to the end of the line, for options that take them
    %s2i=buildah dockerfile=Dockerfile        an option, and another that belongs to it
    %kubeflow framework=jax worker.cpu=1      words
    %%kubeflow framework=jax worker=2         words, in the first line only

A value is a word of a shell: it ends at a space, quotes of both kinds and a backslash keep what would end it, and a
``#`` behind a space begins a comment. Nothing is expanded. A ``;`` separates only before the next ``%``, or at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter.magics import MagicLine, wrapper
from ciao.interpreter.nearest import did_you_mean
from ciao.interpreter.option import Option
from ciao.interpreter.options import described, find, of_role, words
from ciao.interpreter.quoting import LAST, NEXT, rest, skip, span_of, unfinished, word
from ciao.interpreter.role_options import COUNTS
from ciao.interpreter.setting import Setting
from ciao.interpreter.source import clip
from ciao.interpreter.stray import check_whole, on_its_line, stray
from ciao.interpreter.values import BadValue

__all__ = ["Setting", "settings_of"]

_HEAD = re.compile(r"[ \t]*(%%?)(kubeflow(?=[ \t]|\Z))?")
_NAME = re.compile(r"""[^\s=;%'"#\\]+""")
_EQUALS = re.compile(r"([ \t]*)=")
_TOLD = re.compile(r"[ \t]*+:?+[ \t]*+([^\s=;%'\"#\\]+)(?=[ \t;]|\Z)(?![ \t]*=)")
"""The value of somebody who left the ``=`` out, or wrote ``:``."""
_TOOK = ": the status line shows how long the job took"
_INSTEAD = {
    "%%time": _TOOK,
    "%%timeit": _TOOK,
    "%%capture": ": the whole log is kept, and %ciao logs shows it",
}


def settings_of(magics: Iterable[MagicLine]) -> Iterator[Setting]:
    """Every option, in the order of the cell. Raises OptionError for what cannot be read."""
    cell = tuple(magics)
    for magic in cell:
        _check_wrapper(magic)
        head = _HEAD.match(magic.text)
        if head is not None and head[2]:
            yield from _words(magic, head)
        else:
            yield from _options(magic, cell)


def _check_wrapper(magic: MagicLine) -> None:
    name = wrapper(magic.text)
    if name:
        begin = magic.text.index(name)
        raise span_of(magic, begin, begin + len(name)).option_error(
            f"{name} cannot wrap a training cell: its magic lines must be first", f"Remove it{_INSTEAD.get(name, '')}"
        )


def _options(magic: MagicLine, cell: Sequence[MagicLine]) -> Iterator[Setting]:
    pos, role = 0, ""
    while pos < len(magic.text):
        pos = _percent(magic, pos)
        setting, pos = _setting(magic, pos, option=True)
        check_whole(magic, pos, setting)
        if setting.name in COUNTS:
            role = setting.name
        elif of_role(setting.name) and (role or not find(setting.name)):
            setting = _with_role(setting, role, magic, cell)
        yield setting
        while beside := _beside(magic, pos, setting):
            setting, pos = beside
            yield setting
        pos = _separator(magic, pos, setting, cell)


def _beside(magic: MagicLine, pos: int, setting: Setting) -> tuple[Setting, int] | None:
    """An option that may follow this one behind a space; None if there is none."""
    option, start = find(setting.name), skip(magic.text, pos)
    name = _NAME.match(magic.text, start)
    if option is None or name is None or start == pos or name[0] not in option.beside:
        return None
    return _setting(magic, start, option=True)


def _percent(magic: MagicLine, pos: int) -> int:
    head = _HEAD.match(magic.text, pos)
    if head is None or head[2]:
        raise span_of(magic, pos, len(magic.text)).option_error(
            "%kubeflow must begin its line", "Write it on a line of its own"
        )
    if head[1] == "%%":
        raise span_of(magic, head.start(1), head.end()).option_error(
            "an option begins with one %", "Only %%kubeflow is written with two"
        )
    return head.end()


def _with_role(setting: Setting, role: str, magic: MagicLine, cell: Sequence[MagicLine]) -> Setting:
    if not role:
        raise setting.name_span.option_error(
            f"%{setting.name} has no role",
            on_its_line(f"{setting.name}={setting.value[:40]}", magic, cell),
        )
    return replace(setting, name=f"{role}.{setting.name}")


def _separator(magic: MagicLine, pos: int, setting: Setting, cell: Sequence[MagicLine]) -> int:
    """The start of the next option of the line, or the line's end."""
    start = skip(magic.text, pos)
    blank = not magic.text[start:].strip()  # nothing, or what looks like that: a no-break space that came along
    if blank or (magic.text[start] == "#" and start > pos):
        return len(magic.text)
    if after := LAST.match(magic.text, start):
        return _separator(magic, after.end(), setting, cell)
    if after := NEXT.match(magic.text, start):
        return after.end()
    raise stray(magic, start, setting, cell)


def _words(magic: MagicLine, head: re.Match[str]) -> Iterator[Setting]:
    if head[1] == "%%" and not magic.first:
        raise span_of(magic, head.start(1), head.end()).option_error(
            "%%kubeflow must be the first line of the cell", "Move it up, or write %kubeflow, which may follow others"
        )
    pos, setting = skip(magic.text, head.end()), None
    while pos < len(magic.text) and magic.text[pos] != "#":
        _check_quoted(magic, pos, setting)
        setting, pos = _setting(magic, pos, option=False)
        if of_role(setting.name) and not find(setting.name):
            raise setting.name_span.option_error(
                f"{setting.name} has no role",
                f"Write it with the name of its role, such as worker.{setting.name}={setting.value[:40]}",
            )
        yield setting
        pos = skip(magic.text, pos)


def _check_quoted(magic: MagicLine, pos: int, last: Setting | None) -> None:
    """A word that is no option, behind an option that takes several."""
    known = find(last.name) if last else None
    name = _NAME.match(magic.text, pos)
    if last is None or known is None or not known.words or name is None or described(name[0].partition(":")[0]):
        return
    raise span_of(magic, pos, name.end()).option_error(
        f"{clip(name[0])} is not an option",
        f"Quote all that {last.name} has, such as {last.name}='{last.value[:40]} {name[0][:40]}'",
    )


def _setting(magic: MagicLine, pos: int, *, option: bool) -> tuple[Setting, int]:
    """One ``name=value`` from here. In a line of words a space behind ``=`` ends an empty value: ``env.A= env.B=1``."""
    name = _NAME.match(magic.text, pos)
    if name is None and magic.text[pos:].rstrip() == "\\":
        raise unfinished(magic, pos)
    if name is None:
        raise span_of(magic, pos, pos + 1).option_error(
            "an option was expected here", "Write it as name=value" if not option else "Write it as %name=value"
        )
    equals = _EQUALS.match(magic.text, name.end())
    span = span_of(magic, pos, name.end())
    if equals is None:
        return _bare(magic, name, option=option), name.end()
    begin = skip(magic.text, equals.end()) if option or equals[1] else equals.end()
    if magic.text.startswith("#", begin) and begin > equals.end():
        begin = equals.end()
    known = find(name[0])
    if option and known is not None and known.words:
        value, end = rest(magic, begin, name[0])
    else:
        value, end = word(magic, begin, name[0], option=option)
    value_span = span_of(magic, begin, end) if end > begin else span
    return Setting(name=name[0], value=value, name_span=span, value_span=value_span), end


def _bare(magic: MagicLine, name: re.Match[str], *, option: bool) -> Setting:
    """A name without ``=``: true for a flag among words, else an error."""
    known_as = name[0].partition(":")[0]
    span, percent, known = span_of(magic, name.start(), name.end()), "%" * option, described(known_as)
    if known is None:
        meant = f"framework={name[0]}" if name[0] in FRAMEWORKS else None
        hint = did_you_mean(meant) or did_you_mean(name[0], among=words(), option=True)
        raise span.option_error(f"{clip(name[0])} is not an option", hint or "Write it as name=value")
    if known.flag and not option and known_as == name[0]:
        return Setting(name=known_as, value="true", name_span=span, value_span=span)
    hint = f"Write it with =, such as {percent}{known.example.rpartition('%')[2]}"
    told = _TOLD.match(magic.text, name.start() + len(known_as))
    if told is None:
        raise span.option_error(f"{known_as} has no value", hint)
    if _fits(known, told[1]):
        hint = f"Write {percent}{known_as}={told[1]}"
    raise span_of(magic, name.start(), told.end()).option_error(f"{known_as} has no =", hint)


def _fits(option: Option[object], value: str) -> bool:
    try:
        option.parse(value)
    except BadValue:
        return False
    return True
