"""From magic lines to settings: the three spellings become one.

::

    %worker=2;%cpu=1                          option (";" option)*
    %kubeflow framework=jax worker.cpu=1      words
    %%kubeflow framework=jax worker=2         words, in the first line only

A value is a word of a shell: it ends at a space, quotes of both kinds and a backslash keep what would end it, and a
``#`` behind a space begins a comment. Nothing is expanded. A ``;`` separates only before the next ``%``, or at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ciao.frameworks import ON_A_CLUSTER
from ciao.interpreter.magics import MagicLine, wrapper
from ciao.interpreter.nearest import did_you_mean
from ciao.interpreter.option import Option
from ciao.interpreter.options import described, find, full_names, of_role
from ciao.interpreter.role_options import COUNTS
from ciao.interpreter.source import Span, clip
from ciao.interpreter.values import BadValue
from ciao.model import Role

__all__ = ["Setting", "settings_of"]

_HEAD = re.compile(r"[ \t]*(%%?)(kubeflow(?=[ \t]|\Z))?")
_SPACE = re.compile(r"[ \t]*")
_NAME = re.compile(r"""[^\s=;%'"#\\]+""")
_EQUALS = re.compile(r"([ \t]*)=")
_NEXT = re.compile(r";[ \t]*(?=%)")
_LAST = re.compile(r";(?=[ \t]*(?:[ \t]#|\Z))")
_PIECE = re.compile(
    r"""(?P<plain>[^ \t'"\\;]+|;) | \\(?P<escaped>.) | '(?P<single>[^']*)' | "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)" """,
    re.VERBOSE | re.DOTALL,
)


_TOLD = re.compile(r"[ \t]*+:?+[ \t]*+([^\s=;%'\"#\\]+)(?=[ \t;]|\Z)(?![ \t]*=)")
"""The value of somebody who left the ``=`` out, or wrote ``:``."""
_TOOK = ": the status line shows how long the job took"
_INSTEAD = {
    "%%time": _TOOK,
    "%%timeit": _TOOK,
    "%%capture": ": the whole log is kept, and %ciao logs shows it",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One option as stated. ``name`` is its full name, such as ``worker.cpu`` for a ``%cpu`` behind ``%worker``."""

    name: str
    value: str
    name_span: Span
    value_span: Span


def settings_of(magics: Iterable[MagicLine]) -> Iterator[Setting]:
    """Every option, in the order of the cell. Raises OptionError for what cannot be read."""
    role = Role.WORKER.value
    for magic in magics:
        _check_wrapper(magic)
        head = _HEAD.match(magic.text)
        if head is not None and head[2]:
            yield from _words(magic, head)
        else:
            for setting in _options(magic, last_role=role):
                role = setting.name if setting.name in COUNTS else role
                yield setting


def _check_wrapper(magic: MagicLine) -> None:
    name = wrapper(magic.text)
    if name:
        begin = magic.text.index(name)
        raise _span(magic, begin, begin + len(name)).option_error(
            f"{name} cannot wrap a training cell: its magic lines must be first", f"Remove it{_INSTEAD.get(name, '')}"
        )


def _options(magic: MagicLine, *, last_role: str) -> Iterator[Setting]:
    pos, role = 0, ""
    while pos < len(magic.text):
        pos = _percent(magic, pos)
        setting, pos = _setting(magic, pos, option=True)
        if setting.name in COUNTS:
            role = setting.name
        elif of_role(setting.name) and (role or not find(setting.name)):
            setting = _with_role(setting, role, last_role=last_role)
        yield setting
        pos = _separator(magic, pos, setting)


def _percent(magic: MagicLine, pos: int) -> int:
    head = _HEAD.match(magic.text, pos)
    if head is None or head[2]:
        raise _span(magic, pos, len(magic.text)).option_error(
            "%kubeflow must begin its line", "Write it on a line of its own"
        )
    if head[1] == "%%":
        raise _span(magic, head.start(1), head.end()).option_error(
            "an option begins with one %", "Only %%kubeflow is written with two"
        )
    return head.end()


def _with_role(setting: Setting, role: str, *, last_role: str) -> Setting:
    if not role:
        raise setting.name_span.option_error(
            f"%{setting.name} has no role",
            f"Write it on the line of its role, such as %{last_role}=1;%{setting.name}={setting.value[:40]}",
        )
    return replace(setting, name=f"{role}.{setting.name}")


def _separator(magic: MagicLine, pos: int, setting: Setting) -> int:
    """The start of the next option of the line, or the line's end."""
    start = _skip(magic.text, pos)
    if start == len(magic.text) or (magic.text[start] == "#" and start > pos):
        return len(magic.text)
    if after := _LAST.match(magic.text, start):
        return _separator(magic, after.end(), setting)
    if after := _NEXT.match(magic.text, start):
        return after.end()
    raise _stray(magic, start, setting)


def _stray(magic: MagicLine, start: int, setting: Setting) -> Exception:
    hint = f"Quote a value that has spaces, such as %{setting.name}='a b'"
    if magic.text[start] == "%":
        hint = "Write ; before the next %"
    return _span(magic, start, len(magic.text.rstrip())).option_error(
        f"there is text behind the value of {setting.name}", hint
    )


def _words(magic: MagicLine, head: re.Match[str]) -> Iterator[Setting]:
    if head[1] == "%%" and not magic.first:
        raise _span(magic, head.start(1), head.end()).option_error(
            "%%kubeflow must be the first line of the cell", "Move it up, or write %kubeflow, which may follow others"
        )
    pos = _skip(magic.text, head.end())
    while pos < len(magic.text) and magic.text[pos] != "#":
        setting, pos = _setting(magic, pos, option=False)
        if of_role(setting.name) and not find(setting.name):
            raise setting.name_span.option_error(
                f"{setting.name} has no role",
                f"Write it with the name of its role, such as worker.{setting.name}={setting.value[:40]}",
            )
        yield setting
        pos = _skip(magic.text, pos)


def _setting(magic: MagicLine, pos: int, *, option: bool) -> tuple[Setting, int]:
    """One ``name=value`` from here. In a line of words a space behind ``=`` ends an empty value: ``env.A= env.B=1``."""
    name = _NAME.match(magic.text, pos)
    if name is None and magic.text[pos:].rstrip() == "\\":
        raise _unfinished(magic, pos)
    if name is None:
        raise _span(magic, pos, pos + 1).option_error(
            "an option was expected here", "Write it as name=value" if not option else "Write it as %name=value"
        )
    equals = _EQUALS.match(magic.text, name.end())
    span = _span(magic, pos, name.end())
    if equals is None:
        return _bare(magic, name, option=option), name.end()
    begin = _skip(magic.text, equals.end()) if option or equals[1] else equals.end()
    if magic.text.startswith("#", begin) and begin > equals.end():
        begin = equals.end()
    value, end = _word(magic, begin, name[0], option=option)
    value_span = _span(magic, begin, end) if end > begin else span
    return Setting(name=name[0], value=value, name_span=span, value_span=value_span), end


def _bare(magic: MagicLine, name: re.Match[str], *, option: bool) -> Setting:
    """A name without ``=``: true for a flag among words, else an error."""
    word = name[0].partition(":")[0]
    span, percent, known = _span(magic, name.start(), name.end()), "%" * option, described(word)
    if known is None:
        meant = f"framework={name[0]}" if name[0] in ON_A_CLUSTER else None
        hint = did_you_mean(meant) or did_you_mean(name[0], among=full_names())
        raise span.option_error(f"{clip(name[0])} is not an option", hint or "Write it as name=value")
    if known.flag and not option and word == name[0]:
        return Setting(name=word, value="true", name_span=span, value_span=span)
    hint = f"Write it with =, such as {percent}{known.example.rpartition('%')[2]}"
    told = _TOLD.match(magic.text, name.start() + len(word))
    if told is None:
        raise span.option_error(f"{word} has no value", hint)
    if _fits(known, told[1]):
        hint = f"Write {percent}{word}={told[1]}"
    raise _span(magic, name.start(), told.end()).option_error(f"{word} has no =", hint)


def _fits(option: Option[object], value: str) -> bool:
    try:
        option.parse(value)
    except BadValue:
        return False
    return True


def _word(magic: MagicLine, begin: int, name: str, *, option: bool) -> tuple[str, int]:
    """The value that begins here, and where it ends."""
    parts: list[str] = []
    pos, text = begin, magic.text
    while pos < len(text) and text[pos] not in " \t":
        if option and (_NEXT.match(text, pos) or (_LAST.match(text, pos) and not name.startswith("env."))):
            break
        piece = _PIECE.match(text, pos)
        if piece is None:
            raise _unfinished(magic, pos)
        parts.append(_meant(piece))
        pos = piece.end()
    return "".join(parts), pos


def _meant(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return re.sub(r'\\(["\\])', r"\1", piece["double"])
    return piece["plain"] or piece["escaped"] or piece["single"] or ""


def _unfinished(magic: MagicLine, pos: int) -> Exception:
    if magic.text[pos] == "\\":
        return _span(magic, pos, pos + 1).option_error(
            "a magic line ends at its line's end", "Remove the backslash; a second %kubeflow line may follow"
        )
    return _span(magic, pos, len(magic.text)).option_error(
        "this quote is not closed", f"Close it, or write it as \\{magic.text[pos]}"
    )


def _skip(text: str, pos: int) -> int:
    return _SPACE.match(text, pos).end()  # type: ignore[union-attr]  # it matches nothing, too


def _span(magic: MagicLine, start: int, end: int) -> Span:
    return Span(line=magic.number, column=start + 1, width=max(1, end - start), source=magic.text)
