"""The word that somebody meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "listed", "nearest"]

_LONGEST = 40  # difflib takes time by the square of the length, and no word of ours is longer


def nearest(word: str, among: Iterable[str]) -> str | None:
    """The closest of some words: the same but for case, ``-`` and ``_``, else by likeness."""
    plain = {_plain(candidate): candidate for candidate in among}
    wanted = _plain(word[: _LONGEST + 1])
    if wanted in plain:
        return plain[wanted]
    if len(word) > _LONGEST or len(word) < 2:
        return None
    close = get_close_matches(wanted, plain, n=1, cutoff=0.65)
    return plain[close[0]] if close else None


def did_you_mean(word: str | None, *, among: Iterable[str] | None = None, else_list: str = "") -> str:
    """A hint: the nearest word, else the list of all behind the words of ``else_list``, else nothing.

    Without ``among`` the word itself is what was meant.
    """
    if among is None:
        return f"Did you mean {word}?" if word else ""
    allowed = tuple(among)
    found = nearest(word or "", allowed)
    if found:
        return f"Did you mean {found}?"
    return f"{else_list} {listed(allowed, last='or')}" if else_list else ""


def listed(words: Iterable[str], *, last: str = "and") -> str:
    """``a, b and c``."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
