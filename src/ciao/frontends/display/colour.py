"""Whose line it is: a prefix for each replica, in a colour of its own."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from ciao.logs.pieces import members

__all__ = ["PALETTE", "Prefixes", "colour_of", "plain", "still"]

PALETTE = (32, 166, 64, 133, 30, 136, 161, 98)
"""Numbers of the 256-colour table that can be read on white and on black; a theme does not change them."""

_RESET, _BOLD = "\x1b[0m", "\x1b[1m"
_LONGEST = 40
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MOVES = re.compile(
    r"(\x1b\[[0-9;:]*m)"  # a colour, which stays
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # the cursor, the screen
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:[\x07\x9c]|\x1b\\)?"  # a title, the clipboard, a link
    r"|\x1b[^\x1b]?"
    rf"|{_CONTROL.pattern}"
)


def colour_of(replica: str) -> int:
    """The same for a name for ever; neighbours of one role differ."""
    role, _, index = replica.rpartition("-")
    number = int(index) if index.isascii() and index.isdigit() and len(index) < 9 else 0
    return PALETTE[(zlib.crc32(role.encode("utf-8", "replace")) + number) % len(PALETTE)]


def plain(text: str) -> str:
    """One line that is only text: no colours, no control or direction characters, single spaces."""
    shown = (c if c.isprintable() else " " for c in _ESCAPE.sub("", text))
    return " ".join("".join(shown).split())


def still(text: str) -> str:
    """The text with its colours, and without what else a terminal obeys: a moved cursor could write another's line."""
    return _MOVES.sub(lambda found: found[1] or "", text) if _CONTROL.search(text) else text


class Prefixes:
    """``worker-0 | `` before each line, as wide for every replica of a job; ``[4 replicas] `` before one of several."""

    def __init__(self, replicas: Iterable[str], *, colour: bool) -> None:
        names = tuple(replicas)
        self._all = frozenset(names)
        self._width = max(map(len, names), default=0)
        self._colour = colour
        self._known: Mapping[str, str] = {name: self._prefix(name, colour=colour) for name in names}

    def block(self, replica: str, texts: Sequence[str], *, sparing: bool = False) -> str:
        r"""Lines of one replica as they are shown, each with its ``\n``; ``sparing``: the first alone has a colour.

        The user's own colours stay, but end with the line; nothing else moves the cursor. Of what a progress bar
        wrote over itself with ``\r`` the last is shown, as on a terminal; else it would wipe out the prefix.
        """
        prefix = self._known.get(replica) or self._prefix(replica, colour=self._colour)
        shown = map(_tamed, texts) if _CONTROL.search("\n".join(texts)) else texts
        joined = f"\n{self._prefix(replica, colour=False) if sparing else prefix}".join(shown)
        return f"{prefix}{joined}\n"

    def _prefix(self, name: str, *, colour: bool) -> str:
        if len(who := members(name)) > 1:
            text = f"[{len(who)} replicas] " if self._all.issubset(who) else f"[{_few(who, len(self._all))}] "
            return f"{_BOLD}{text}{_RESET}" if colour else text
        text = f"{name:{self._width}} | "
        return f"\x1b[38;5;{colour_of(name)}m{text}{_RESET}" if colour else text


def _few(who: Sequence[str], total: int) -> str:
    """``master-0, worker-0..2,7``, or only how many they are where that is too long."""
    split = (name.rpartition("-") for name in who)
    roles = groupby(((role, int(index)) for role, _, index in split), key=itemgetter(0))
    named = ", ".join(f"{role}-{_ranges([index for _, index in own])}" for role, own in roles)
    return named if len(named) <= _LONGEST else f"{len(who)} of {total} replicas"


def _ranges(numbers: Sequence[int]) -> str:
    """``0..2,7``, of numbers that grow."""
    runs = groupby(enumerate(numbers), key=lambda one: one[1] - one[0])
    ends = ([number for _, number in run] for _, run in runs)
    return ",".join(f"{run[0]}..{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def _tamed(text: str) -> str:
    if "\r" in text:
        text = text.rstrip("\r").rpartition("\r")[2]
    text = still(text)
    return f"{text}{_RESET}" if "\x1b" in text else text
