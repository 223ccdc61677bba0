"""The frames of a traceback with what a recursion repeats counted, and what is missing. Pure.

::

    f g f g f g ... f g f g      ->  f g, "f() and g() repeat 495 more times", f g
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ciao.model import Frame, Gap

__all__ = ["called", "runs"]

ALIKE_LIMIT = 3  # frames of a function that calls itself
CYCLE_LIMIT = 8  # functions that call each other in turn


def runs(frames: Sequence[Frame], gap: Gap | None) -> Iterator[Sequence[Frame] | str]:
    """Each frame once, or a few times; what a recursion repeats is counted, and so is what is missing."""
    if gap is not None and not gap.cycle:
        yield from runs(frames[: gap.after], None)
        yield f"{gap.frames:,} frames are left out"
        yield from runs(frames[gap.after :], None)
        return
    at = 0
    while at < len(frames):
        size, times = _repeated(frames, at)
        end = at + size * times
        missing = gap.frames // size if gap is not None and at < gap.after <= end else 0
        if size > 1 and times > 3 and end == len(frames):  # a recursion without end ends with its last turn
            times, end = times - 1, end - size
        shown = min(times, ALIKE_LIMIT if size == 1 else 1)
        yield frames[at : at + size * shown]
        if times + missing > shown:
            yield _again(frames[at : at + size], times + missing - shown)
        at = end


def _again(turn: Sequence[Frame], times: int) -> str:
    if len(turn) == 1:
        return f"{times:,} more of the same frame"
    *names, last = dict.fromkeys(called(frame.function) for frame in turn)
    who = f"{', '.join(names)} and {last} repeat" if names else f"{last} repeats, in {len(turn)} lines,"
    return f"{who} {times:,} more times"


def _repeated(frames: Sequence[Frame], at: int) -> tuple[int, int]:
    """How many frames are repeated from here on, and how many times they stand there."""
    best = 1, 1
    for size in range(1, CYCLE_LIMIT + 1):
        cycle, times = frames[at : at + size], 1
        while frames[at + size * times : at + size * (times + 1)] == cycle:
            times += 1
        if times > (1 if size == 1 else 2) and size * times > best[0] * best[1]:
            best = size, times
    return best


def called(function: str) -> str:
    """As it is written in a traceback."""
    return function if function.endswith(">") else f"{function}()"
