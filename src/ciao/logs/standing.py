"""Where the processes of a job stand, put together: who stands where, and who elsewhere than the others. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ciao.model import Frame, Standing

__all__ = ["Group", "Picture", "Place", "at", "names", "picture", "place_of", "sentence"]

LONGEST = 80
"""Characters of a line of code in a sentence."""

NAMED = 4
"""Processes that a sentence names; of more it says how many."""

WRAPPERS = frozenset(
    {"wrapper", "wrapped", "inner", "_fn", "decorate_context", "_call_impl", "_wrapped_call_impl", "__call__"}
)
"""Functions that only stand between the cell and what it called."""

WAITING = (
    r"all_?reduce\w*|all_?gather\w*|reduce_scatter\w*|all_?to_?all\w*|broadcast\w*|bcast|i?barrier|monitored_barrier"
    r"|i?recv|gather\w*|scatter\w*|init_process_group|sync_global_devices|wait_at_barrier"
)
CALLED = re.compile(WAITING, re.IGNORECASE)
WRITTEN = re.compile(rf"(?:\.|\b)({WAITING})\(", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a main thread stands, as the cell sees it.

    ``line``, ``function`` and ``text`` are of the cell's innermost frame; outside of the cell ``line`` is 0 and
    ``text`` tells where. ``doing`` is what the cell called there, empty for what is not Python. ``waits``: replicas
    wait for each other in it.
    """

    line: int
    function: str
    text: str
    doing: str = ""
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """Processes that stand at the same place."""

    place: Place
    members: tuple[Standing, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All of a job's processes. ``elsewhere`` are groups that stand elsewhere than most, or than those who wait.

    ``groups`` has these first. ``silent`` gave no answer.
    """

    groups: tuple[Group, ...]
    elsewhere: tuple[Group, ...] = ()
    silent: tuple[Standing, ...] = ()

    @property
    def others(self) -> tuple[Group, ...]:
        """Those that do not stand elsewhere."""
        return self.groups[len(self.elsewhere) :]


def picture(standings: Iterable[Standing]) -> Picture:
    """Groups in the order of their first members, those elsewhere first."""
    known = list(standings)
    groups = _grouped([one for one in known if one.threads])
    elsewhere = _elsewhere(groups)
    return Picture(
        groups=(*elsewhere, *(group for group in groups if group not in elsewhere)),
        elsewhere=elsewhere,
        silent=tuple(one for one in known if not one.threads),
    )


def place_of(standing: Standing) -> Place:
    """Of its main thread."""
    frames = standing.threads[0].frames if standing.threads else ()
    at = max((i for i, frame in enumerate(frames) if frame.in_cell), default=-1)
    if at < 0:
        return Place(line=0, function="", text=_outside(frames), waits=False)
    own, called = frames[at], [frame.function for frame in frames[at + 1 :]]
    doing = next((name for name in called if name not in WRAPPERS), "")
    text = own.source[0] if own.source else ""
    waits = any(CALLED.fullmatch(name) for name in called) or (not called and WRITTEN.search(text) is not None)
    return Place(line=own.line, function=own.function, text=text, doing=doing, waits=waits)


def names(members: Sequence[Standing], *, most: int = NAMED) -> str:
    """``worker-0, worker-2 and 5 more``."""
    shown = ", ".join(one.name for one in members[:most])
    return f"{shown} and {len(members) - most} more" if len(members) > most else shown


def sentence(found: Picture, label: str) -> str:
    """``worker-2 stands at Cell In[7], line 9 (time.sleep(60)); the other 3 wait at line 12 (all_reduce)``.

    ``label`` is the cell's. Empty if nobody has told anything.
    """
    parts = []
    for number, group in enumerate(found.groups[:NAMED]):
        others = bool(found.elsewhere) and number >= len(found.elsewhere)
        who = _others(group, found) if others else _who(group, found)
        verb = "wait" if group.place.waits else "stand"
        verb += "" if len(group.members) > 1 or who.startswith("both") else "s"
        where = at(group.place, "" if number and group.place.line else label)
        parts.append(f"{who} {verb} {where}")
    parts += [f"{names(found.silent)}: {found.silent[0].silent}"] if found.silent and found.groups else []
    return "; ".join(parts)


def at(place: Place, label: str) -> str:
    """``at Cell In[7], line 12 (all_reduce)``; without a label ``at line 12``."""
    if not place.line:
        return f"in {place.text}" if place.text else "where no Python is"
    what = place.doing or _cut(place.text)
    return f"at {label + ', ' if label else ''}line {place.line}{f' ({what})' if what else ''}"


def _who(group: Group, found: Picture) -> str:
    alone = len(found.groups) == 1 and len(group.members) > 1 and not found.silent
    if not alone:
        return names(group.members)
    return "both" if len(group.members) == 2 else f"all {len(group.members)}"


def _others(group: Group, found: Picture) -> str:
    """The rest, if they are one group."""
    count = len(group.members)
    return f"the other {count}" if count > 1 and len(found.others) == 1 else names(group.members)


def _grouped(standings: Sequence[Standing]) -> tuple[Group, ...]:
    found: dict[Place, list[Standing]] = {}
    for one in standings:
        found.setdefault(place_of(one), []).append(one)
    return tuple(Group(place=place, members=tuple(members)) for place, members in found.items())


def _elsewhere(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Who does not wait where others wait for each other; else all but the largest group, if one is the largest."""
    waiting = [group for group in groups if group.place.waits]
    if 0 < len(waiting) < len(groups):
        return tuple(group for group in groups if not group.place.waits)
    largest = max((len(group.members) for group in groups), default=0)
    smaller = tuple(group for group in groups if len(group.members) < largest)
    return smaller if len(groups) - len(smaller) == 1 else ()


def _outside(frames: Sequence[Frame]) -> str:
    if not frames:
        return ""
    last = frames[-1]
    return f"{posixpath.basename(last.file)}, line {last.line}, in {last.function}"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
