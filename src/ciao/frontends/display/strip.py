"""The replicas of a job as squares, one each, in their order. Pure.

They are letters and not a picture: they wrap with the page, and stay when a notebook's clean-up or an export drops
style or images. Shapes differ as well as colours. Equal neighbours are one element, so a thousand replicas are some
four kilobytes, and never more than ``LARGEST``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ciao.model import ReplicaState

__all__ = ["LARGEST", "ONE_LINE", "Mark", "counts", "mark", "squares"]

State = ReplicaState | None
"""None: nothing was heard of it yet."""

GROUP = 10
"""So many stand together, that one can count them."""

RUNS = 150
"""With more elements than this the strip has no colours."""

ONE_LINE, SMALL = 30, 200
"""Up to so many replicas of a role the squares stand in the line of its words; with more than that they are smaller."""

LARGEST = 16_000
"""Bytes of the squares of 2,000 replicas, which is the most that a job may have, whatever their states."""


_STRIP = "background:none;padding:0"


class Mark(NamedTuple):
    """What stands for a state: colours are legible on white and on black, and every font has the shapes."""

    shape: str
    colour: str
    word: str


_MARKS: dict[State, Mark] = {
    ReplicaState.FAILED: Mark("▲", "#e0443e", "failed"),
    ReplicaState.RUNNING: Mark("■", "#1e88e5", "running"),
    ReplicaState.SUCCEEDED: Mark("●", "#2e9e44", "succeeded"),
    ReplicaState.WAITING: Mark("□", "#b8860b", "waiting"),
    ReplicaState.ENDED: Mark("○", "#808080", "ended"),
    None: Mark("□", "#808080", "not started"),
}
"""In the order in which they are counted."""


def mark(state: State) -> str:
    """One state's shape in its colour, as HTML."""
    shape, colour, _ = _MARKS[state]
    return _coloured(shape, colour)


def counts(states: Sequence[State]) -> list[tuple[State, str]]:
    """Such as ``3 running``; those with something wrong come first."""
    found = Counter(states)
    return [(state, f"{found[state]} {one.word}") for state, one in _MARKS.items() if found[state]]


def squares(states: Sequence[State]) -> str:
    """The strip of one role as HTML."""
    runs = [(state, sum(1 for _ in run)) for state, run in groupby(states)]
    most = Counter(states).most_common(1)[0][0] if states else None
    colourful = sum(state is not most for state, _ in runs) <= RUNS
    parts, at = [], 0
    for state, length in runs:
        shape, colour, _ = _MARKS[state]
        text = "".join(f" {shape}" if n and n % GROUP == 0 else shape for n in range(at, at + length))
        parts.append(text if state is most or not colourful else _coloured(text, colour))
        at += length
    colour = _MARKS[most].colour if colourful else "inherit"
    return f'<code style="{_STRIP};color:{colour};{_size(len(states))}">{"".join(parts)}</code>'


def _size(replicas: int) -> str:
    if replicas <= ONE_LINE:
        return "font-size:15px;letter-spacing:1px"
    return "display:block;" + (
        "font-size:14px;line-height:15px;letter-spacing:1px"
        if replicas <= SMALL
        else "font-size:10px;line-height:11px;letter-spacing:1px"
    )


def _coloured(text: str, colour: str) -> str:
    return f'<i style="color:{colour};font-style:normal">{text}</i>'
