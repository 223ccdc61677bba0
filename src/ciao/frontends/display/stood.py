"""Where replicas stand, as a page for people: who stands elsewhere first, those at one place together. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from ciao.frontends.display.page import Page
from ciao.logs.standing import Group, Picture, names, picture
from ciao.model import Frame, Standing, Thread

if TYPE_CHECKING:
    from ciao.commands.stacks import Stacks

__all__ = ["stacks"]

NAMED = 8
THREADS = 3
"""Of the other threads that are in the cell, how many are shown where replicas are shown together."""
ALL_THREADS = 30

PACKAGE = re.compile(r".*/(?:site|dist)-packages/(?P<package>[^/.]+)")


def stacks(found: Stacks, *, prefix: str = "ciao") -> Page:
    """A block for each place, or all that one replica has told."""
    seen = picture(found.standings)
    if found.replica:
        blocks = [_whole(one, found.cell) for one in found.standings if one.threads]
    else:
        blocks = [_group(group, found) for group in seen.groups]
    more = f"{prefix} stacks {found.job} REPLICA shows every frame and thread of one" if _hides(seen, found) else ""
    top = [words for words in (found.note, _head(seen, found)) if words]
    first, *rest = [words for words in (*blocks, *_silent(seen), more) if words]
    return (*top, f"\n{first}" if top else first, *(f"\n{words}" for words in rest))


def _head(seen: Picture, found: Stacks) -> str:
    """What stands out."""
    if found.replica or not seen.groups:
        return "" if seen.groups else f"{found.job}: no process told where it stands"
    count = sum(len(group.members) for group in seen.groups)
    if len(seen.groups) == 1:
        return f"{found.job}: {_all(seen.groups[0].members)} at one place"
    if not seen.elsewhere:
        return f"{found.job}: {count} processes stand at {len(seen.groups)} places"
    apart = [one for group in seen.elsewhere for one in group.members]
    verb = "stands" if len(apart) == 1 else "stand"
    others = count - len(apart)
    rest = "the other one" if others == 1 else f"the other {others}"
    waits = all(group.place.waits for group in seen.others)
    return f"{found.job}: {names(apart, most=NAMED)} {verb} elsewhere than {rest}{', who wait' if waits else ''}"


def _hides(seen: Picture, found: Stacks) -> bool:
    """Whether any replica for itself would show more."""
    told = ((_below(_group(group, found)), group.members) for group in seen.groups)
    return not found.replica and any(
        _below(_whole(one, found.cell)) != below for below, members in told for one in members
    )


def _below(block: str) -> str:
    """Without its heading."""
    return block.partition("\n")[2]


def _all(members: Sequence[Standing]) -> str:
    return f"{members[0].name} stands" if len(members) == 1 else f"all {len(members)} stand"


def _group(group: Group, found: Stacks) -> str:
    place, one = group.place, group.members[0]
    doing = f": waiting in {place.doing}" if place.waits and place.doing else ""
    lines = [f"{names(group.members, most=NAMED)}{doing}", *_frames(one.threads[0], found.cell, fold=True)]
    others = [thread for thread in one.threads[1:] if any(frame.in_cell for frame in thread.frames)]
    for thread in others[:THREADS]:
        lines += ["  another thread", *_frames(thread, found.cell, fold=True)]
    left = len(one.threads) - 1 - len(others[:THREADS])
    if left > 0:
        lines.append(f"  and {left} other {'thread' if left == 1 else 'threads'}")
    return "\n".join(lines)


def _whole(one: Standing, label: str) -> str:
    """Every frame of every thread."""
    lines = [one.name, *_frames(one.threads[0], label, fold=False)]
    for thread in one.threads[1:ALL_THREADS]:
        lines += ["  another thread", *_frames(thread, label, fold=False)]
    left = len(one.threads) - ALL_THREADS
    return "\n".join((*lines, f"  and {left} other threads") if left > 0 else lines)


def _frames(thread: Thread, label: str, *, fold: bool) -> Iterator[str]:
    """Outermost first, as in a traceback; of frames outside of the cell, where folded, how many of which package."""
    if thread.cut:
        yield "    ... more frames"
    if not thread.frames:
        yield "    (not in Python)"
    outside = not any(frame.in_cell for frame in thread.frames)
    for in_cell, run in groupby(thread.frames, key=lambda frame: frame.in_cell):
        frames = list(run)
        if in_cell or not fold:
            for frame in frames:
                yield from _frame(frame, label)
        else:
            yield f"    {_folded(frames)}"
            if outside:
                yield from _frame(frames[-1], label)


def _frame(frame: Frame, label: str) -> Iterator[str]:
    where = f"{label}, line {frame.line}" if frame.in_cell else f"File {frame.file}:{frame.line}"
    yield f"    {where}{'' if frame.function == '<module>' else f', in {_called(frame.function)}'}"
    for text in frame.source:
        yield f"        {text}"


def _folded(frames: Sequence[Frame]) -> str:
    """``3 frames of torch, from all_reduce to wait``."""
    first, last = frames[0], frames[-1]
    packages = list(dict.fromkeys(_package(frame.file) for frame in frames))
    of = ", ".join(packages[:3])
    if len(frames) == 1:
        return f"{of}: {_called(first.function)}"
    return f"{of}: {_called(first.function)} ... {len(frames)} frames ... {_called(last.function)}"


def _package(file: str) -> str:
    found = PACKAGE.match(file)
    if found:
        return found["package"]
    return posixpath.basename(file.removesuffix("/__init__.py")).removesuffix(".py")


def _called(function: str) -> str:
    return function if function.endswith(">") else f"{function}()"


def _silent(seen: Picture) -> Iterator[str]:
    """Who gave no answer, by the reason."""
    reasons: dict[str, list[Standing]] = {}
    for one in seen.silent:
        reasons.setdefault(one.silent, []).append(one)
    for reason, members in reasons.items():
        yield f"{names(members, most=NAMED)}: {reason}"
