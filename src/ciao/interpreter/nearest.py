"""The word that somebody meant."""

from __future__ import annotations

from collections.abc import Iterable

from ciao import errors
from ciao.interpreter.synonyms import SYNONYMS

__all__ = ["did_you_mean", "listed", "nearest"]

_LONGEST = 40  # difflib takes time by the square of the length, and no word of ours is longer


def nearest(word: str, among: Iterable[str], *, option: bool = False) -> str | None:
    """The closest of some words. Of an ``option`` also by what people call it elsewhere."""
    if not 2 <= len(word) <= _LONGEST:
        return next((one for one in among if one.lower() == word.lower()), None)
    return errors.nearest(word, among, likeness=0.65, synonyms=SYNONYMS if option else errors.NONE)


def did_you_mean(
    word: str | None, *, among: Iterable[str] | None = None, else_list: str = "", option: bool = False
) -> str:
    """A hint: the nearest word, else the list of all behind the words of ``else_list``, else nothing.

    Without ``among`` the word itself is what was meant.
    """
    if among is None:
        return f"Did you mean {word}?" if word else ""
    allowed = tuple(among)
    found = nearest(word or "", allowed, option=option)
    if found:
        return f"Did you mean {found}?"
    return f"{else_list} {listed(allowed, last='or')}" if else_list else ""


def listed(words: Iterable[str], *, last: str = "and") -> str:
    """``a, b and c``."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
