"""What stands where nothing may: behind a value, or without a role. What was meant, with the cell's own numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ciao.interpreter.job_options import ENV
from ciao.interpreter.magics import MagicLine
from ciao.interpreter.nearest import listed, nearest
from ciao.interpreter.options import described, find
from ciao.interpreter.quoting import skip, span_of
from ciao.interpreter.role_options import COUNTS
from ciao.interpreter.setting import Setting
from ciao.interpreter.source import clip
from ciao.interpreter.values import BadValue

__all__ = ["check_whole", "on_its_line", "stray"]

_COUNT = re.compile(rf"(?<![^\s%;])({'|'.join(COUNTS)})[ \t]*=[ \t]*([1-9][0-9]{{0,8}})(?![^\s;])")
_WORD = re.compile(r"[ \t]+((?![#%;])[^\s=;]+)(?=[ \t;]|\Z)")


def check_whole(magic: MagicLine, pos: int, setting: Setting) -> None:
    """A value that has no end at the space behind it, and would be none of the option's in quotes: ``5 minutes``."""
    option, start = described(setting.name), skip(magic.text, pos)
    end = pos
    while word := _WORD.match(magic.text, end):
        end = word.end()
    if option is None or end == pos or option.words or option.beside:
        return
    whole = f"{setting.value} {magic.text[start:end]}"
    try:
        option.parse(whole)
    except BadValue as bad:
        begin = setting.value_span.column - 1
        raise span_of(magic, begin, end).option_error(f"{clip(whole)} is not {bad.what}", bad.hint) from None


def on_its_line(setting: str, magic: MagicLine, cell: Sequence[MagicLine]) -> str:
    """Where to write this one: behind the count of the role that is stated last before it, or else first."""
    stated = [(line.number, *found) for line in cell for found in _COUNT.findall(line.text)]
    above = [one for one in stated if one[0] <= magic.number]
    _, role, count = (above[-1:] or stated[:1] or [(0, "worker", "1")])[0]
    return f"Write it on the line of its role, such as %{role}={count};%{setting}"


def stray(magic: MagicLine, start: int, setting: Setting, cell: Sequence[MagicLine]) -> Exception:
    """Something else behind a space."""
    known = find(setting.name)
    hint = _second(magic.text[start:].split(maxsplit=1)[0], setting, magic, cell)
    if known is not None and known.beside:
        hint = _only(known.beside, magic.text[start:].split(maxsplit=1)[0])
    if magic.text[start] == "%":
        hint = "Write ; before the next %"
    return span_of(magic, start, len(magic.text.rstrip())).option_error(
        f"there is text behind the value of {setting.name}", hint
    )


def _second(text: str, setting: Setting, magic: MagicLine, cell: Sequence[MagicLine]) -> str:
    """What to write for another option behind a space, as a line of %kubeflow has them, or for a value with spaces."""
    name, equals, _ = text.partition("=")
    option = described(name) if equals and not setting.name.startswith(ENV.family) else None
    if option is None:
        return f"Quote a value that has spaces, such as %{setting.name}='a b'"
    first, second = f"{setting.name}={setting.value[:40]}", text[:40]
    if option.scope == "resource" and setting.name.partition(".")[0] in COUNTS:
        return f"Write ;%{second} instead of the space"
    if option.scope == "resource":
        return on_its_line(second, magic, cell)
    return f"Write %{second} on a line of its own, or all on one: %kubeflow {first} {second}"


def _only(beside: tuple[str, ...], word: str) -> str:
    """What to write for a word that may not stand beside an option which has no use for quotes."""
    name, equals, value = word.partition("=")
    if equals and described(name.lower()):
        return f"Write it on a line of its own: %{word[:40]}"
    meant = nearest(name if equals else PurePosixPath(name).name.partition(".")[0], beside)
    meant = meant or next((one for one in beside if equals and one.endswith(name.lower())), None)
    if meant:
        return f"Did you mean {meant}={(value if equals else word)[:40]}?"
    return f"Only {listed((f'{one}=' for one in beside), last='or')} may follow on its line"
