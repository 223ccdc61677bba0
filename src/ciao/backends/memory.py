"""Memory in words: what a replica asked for, what it used, and what a failure for want of it says.

Imported by the supervisor of local jobs, which starts with every job: it imports nothing that costs time.
"""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["bytes_of", "in_words", "more_memory", "out_of_memory"]

_UNITS = {"": 1.0, "m": 1e-3}
_UNITS.update({unit: 1000.0**power for power, unit in enumerate("kMGTPE", start=1)})
_UNITS.update({f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", start=1)})
_QUANTITY = re.compile(r"([0-9.]+)(?:[eE]([+-]?[0-9]+)|([a-zA-Z]*))")
_SIMPLE = re.compile(r"([0-9]+)([kKMGTPE]i?)")
_LIMIT = re.compile(r"limit of ([^\s:]+)(?:: ([0-9.]+[A-Za-z]+) when)?")


def bytes_of(quantity: str | None) -> int | None:
    """The bytes of a quantity that the interpreter or the settings took; None without one, or for what is none."""
    found = _QUANTITY.fullmatch(quantity or "")
    try:
        if found is None or (found[3] or "") not in _UNITS:
            return None
        return int(float(found[1]) * (10.0 ** int(found[2]) if found[2] else _UNITS[found[3] or ""]))
    except (ValueError, OverflowError):
        return None


def in_words(count: int) -> str:
    """``1.3Gi``: as an option takes it, rounded."""
    for power, unit in ((3, "Gi"), (2, "Mi")):
        if count >= 1024**power:
            amount = count / 1024**power
            return f"{amount:.0f}{unit}" if amount >= 10 else f"{amount:.1f}{unit}"
    return f"{count // 1024}Ki"


def out_of_memory(limit: str, *, peak: int | None = None) -> str:
    """What happened to a replica; ``peak`` is what it used when it was ended, in bytes, if anybody measured."""
    words = f"it used more memory than its limit of {limit}"
    if peak is None:
        return words
    used = in_words(peak)
    barely = (bytes_of(used) or 0) <= (bytes_of(limit) or 0)  # rounded it is no more
    return f"{words}: {'barely more' if barely else used} when it was ended (exit code 137)"


def more_memory(evalue: str, replica: str, replicas: Collection[str] = ()) -> str:
    """What to do about an OOMKilled with these words. ``replicas`` are the names of all in the job, if known."""
    role, found = replica.rpartition("-")[0], _LIMIT.search(evalue)
    count = sum(name.rpartition("-")[0] == role for name in replicas) or "N"
    if found is None:
        return f"State how much it needs: %{role}={count};%memory=8Gi"
    return f"Raise it, for example %{role}={count};%memory={_more(found[1], used=found[2])}"


def _more(limit: str, *, used: str | None) -> str:
    """Twice the limit, and again until it is more than was ``used``; in the limit's unit."""
    least = bytes_of(limit) or 1024**3
    times = 2
    while times * least <= (bytes_of(used) or 0):
        times *= 2
    found = _SIMPLE.fullmatch(limit)
    return f"{times * int(found[1])}{found[2]}" if found else in_words(times * least)
