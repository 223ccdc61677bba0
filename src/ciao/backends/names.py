"""The error for a name that no job has."""

from __future__ import annotations

from collections.abc import Iterable

from ciao.errors import JobNotFound, nearest

__all__ = ["not_found"]

LISTED = "`%ciao jobs` lists them"


def not_found(name: str, known: Iterable[str], *, where: str) -> JobNotFound:
    """With the job that was meant, if one is near: its name begins alike and its five random characters are alike."""
    begin, dash, end = name.rpartition("-")
    near = [one for one in known if _near(begin, one.rpartition("-")[0]) and _near(end, one.rpartition("-")[2])]
    meant = nearest(name, near) if dash else None
    return JobNotFound(f"there is no job {name!r} on {where}", hint=f"Did you mean {meant}?" if meant else LISTED)


def _near(part: str, other: str) -> bool:
    return part == other or nearest(part, [other]) is not None
