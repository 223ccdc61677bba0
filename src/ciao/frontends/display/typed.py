"""Commands in our own words: they are written as a cell takes them, ``%ciao jobs``, and a shell shows ``ciao jobs``."""

from __future__ import annotations

import re

__all__ = ["in_shell"]

_COMMAND = re.compile(r"(?<!%)%(?=ciao\b)")  # ``%%ciao plan`` is for a notebook wherever it is read


def in_shell(words: str) -> str:
    """The same words for somebody who types into a shell. Not for what replicas wrote: that is theirs."""
    return _COMMAND.sub("", words)
