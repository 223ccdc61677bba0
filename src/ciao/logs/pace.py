"""How far each replica has come, as far as its lines tell: ``epoch 2 step 30``. Pure; time is an argument.

Only lines of one shape are compared, and only of replicas that have written several such: that one alone writes is
usual, and so is a first line that no other follows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Behind", "Paces", "progress"]

SEVERAL = 3
SHAPES = 32
"""Shapes that are remembered; the one that was written longest ago goes first."""

LONGEST = 400
FAR = 10
"""Steps behind which one is far behind, if it has not come half as far either."""

COUNTED = re.compile(
    r"\b(epoch|round|step|global_step|iter|iteration|batch)s?\b[\s:=#\[(]{1,3}(\d{1,12})\b", re.IGNORECASE
)
NUMBER = re.compile(r"[-+]?\d[\d.,:eE+-]*")

Progress = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """One replica that does not keep up, since a time. ``at`` is how far it has come, ``others`` how far the others.

    ``stopped``: it writes no more.
    """

    replica: str
    at: str
    others: str
    since: float
    stopped: bool


@dataclass(kw_only=True)
class _Track:
    """Lines of one shape of one replica."""

    words: str = ""
    reached: Progress = ()
    count: int = 0
    last: float = 0.0
    slow: float | None = None


class Paces:
    """What is known of all replicas."""

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, _Track]] = {}

    def see(self, latest: Mapping[str, str], now: float) -> None:
        """The newest line of each replica that has written any."""
        for replica, text in latest.items():
            if found := progress(text[:LONGEST]):
                shape, words, reached = found
                tracks = self._shapes.pop(shape, {})
                track = tracks.setdefault(replica, _Track())
                if reached > track.reached:
                    track.words, track.reached, track.last = words, reached, now
                track.count += 1
                self._shapes[shape] = tracks
        while len(self._shapes) > SHAPES:
            del self._shapes[next(iter(self._shapes))]

    def behind(self, running: Collection[str], now: float, *, patience: float) -> Behind | None:
        """Who has stopped, or is far behind, for so long, while most others go on; the one longest so."""
        found = [one for tracks in self._shapes.values() for one in _behind(tracks, running, now, patience)]
        return min(found, key=lambda one: one.since, default=None)

    def forget(self) -> None:
        """Begin anew."""
        self._shapes.clear()


def progress(text: str) -> tuple[str, str, Progress] | None:
    """The shape of a line that counts epochs or steps, the count in words, and as numbers."""
    counted = list(COUNTED.finditer(text))[:3]
    if not counted:
        return None
    words = " ".join(f"{found[1].lower()} {found[2]}" for found in counted)
    return NUMBER.sub("#", text), words, tuple(int(found[2]) for found in counted)


def _behind(tracks: Mapping[str, _Track], running: Collection[str], now: float, patience: float) -> Iterator[Behind]:
    known = {name: t for name, t in tracks.items() if name in running and t.count >= SEVERAL}
    for name, track in known.items():
        going = [t for other, t in known.items() if other != name and now - t.last <= patience]
        others = sorted(going, key=lambda t: t.reached)
        if not others or 2 * len(others) < len(known):
            continue
        middle = others[len(others) // 2]
        ahead = others[0].reached > track.reached
        track.slow = (track.slow or now) if ahead and _far(track.reached, middle.reached) else None
        stopped = ahead and now - track.last > patience
        if stopped or (track.slow is not None and now - track.slow > patience):
            since = track.last if stopped else track.slow or now
            yield Behind(replica=name, at=track.words, others=middle.words, since=since, stopped=stopped)


def _far(one: Progress, other: Progress) -> bool:
    """By the first number in which they differ: two epochs, or so many steps that it is less than half the way."""
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            epochs = number < len(one) - 1
            return b - a >= 2 if epochs else b - a >= FAR and 2 * a <= b
    return False
