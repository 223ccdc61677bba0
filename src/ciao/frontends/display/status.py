"""How a job stands, in one line. Pure: a view goes in, words come out. :mod:`ciao.frontends.display.panel` shows more.

A notebook is saved at any moment and read years later, by people and by tools. So the words say *as of when*, not
only for how long.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from ciao.frontends.display.colour import plain
from ciao.frontends.display.packing import Shown
from ciao.model import Failure, Outcome, Phase, ReplicaState, ReplicaStatus

__all__ = ["Head", "Stage", "View", "duration", "ended", "failed", "head", "line", "place", "reason", "short"]

_LONGEST = 120
_WAIT = 300
"""Characters of an error, and of a reason to wait, which is all that there is to read."""


class Stage(NamedTuple):
    """What the frontend knows and no event tells, since an epoch time.

    Its cell is being cancelled, has let go of its job, or was refused one.
    """

    kind: Literal["cancelling", "background", "refused"]
    since: float


@dataclass(frozen=True, kw_only=True)
class View:
    """What there is to tell. Times are epoch seconds; ``name`` is empty before the job has one.

    ``expected`` are all its replicas, in order, ``replicas`` those that were heard of. ``started`` is when the first
    ran, ``asked`` when the job began to exist; ``packing`` tells of its code. ``latest`` are replicas' last lines, and
    ``notice`` is what was said last beside them, where those are to be shown.
    """

    name: str = ""
    where: str
    framework: str = ""
    expected: Sequence[str] = ()
    replicas: Mapping[str, ReplicaStatus] = field(default_factory=dict)
    asked: float
    started: float | None = None
    attempt: tuple[int, int] | None = None
    packing: Shown | None = None
    stage: Stage | None = None
    outcome: Outcome | None = None
    latest: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    now: float


class Head(NamedTuple):
    """``state`` is one word; ``words`` are those that stay, ``passing`` those that change as time passes."""

    state: str
    words: str
    passing: str


def head(view: View) -> Head:
    """What comes first, whatever else is told."""
    return Head(_state(view), *_words(view))


def line(view: View) -> Shown:
    """The line of this moment."""
    _, words, passing = head(view)
    same = " · ".join(map(plain, [place(view), *(_progress(view) if passing else [])]))
    packing = view.packing if passing else None
    body, key = (f"{same} · {packing.text}", f"{same} · {packing.key}") if packing else (same, same)
    return Shown(text=f"{words}{passing} · {body}", key=f"{words} · {key}")


def place(view: View) -> str:
    """``pytorch-x1 on local``."""
    return f"{view.name or 'job'} on {view.where}"


def failed(failure: Failure, verb: str = ": ") -> str:
    """Why a replica failed, in one short line: ``worker-1: ValueError: no such file``."""
    value, who = plain(failure.evalue), plain(failure.replica)
    why = plain(failure.ename) + (f": {value}" if value else "")
    return short(f"{who}{verb}{why}" if who else why)


def ended(outcome: Outcome, began: float) -> str:
    """``succeeded in 12 s``, or how else, and why."""
    took = duration(outcome.ended - began)
    attempts = f" (attempt {outcome.attempts})" if outcome.attempts > 1 else ""
    why = failed(outcome.failure) if outcome.failure is not None else short(plain(outcome.message))
    others = len(outcome.others)
    echo = f" ({others} {'other' if others == 1 else 'others'} failed too)" if others else ""
    reason = f": {why}{echo}" if why else ""
    match outcome.phase:
        case Phase.SUCCEEDED:
            return f"succeeded in {took}{attempts}"
        case Phase.LOST:
            return f"lost{reason}"
        case _:
            return f"{outcome.phase.value} after {took}{attempts}{reason}"


def duration(seconds: float) -> str:
    """A length of time for people: ``3.2 s``, ``12 s``, ``2 min 5 s``, ``1 h 2 min``, ``3 d 4 h``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _state(view: View) -> str:
    if view.outcome is not None:
        return view.outcome.phase.value
    if view.stage is not None and view.stage.kind != "background":
        return {"cancelling": "cancelling", "refused": "failed"}[view.stage.kind]
    if view.started is not None:
        return Phase.RUNNING.value
    return Phase.PENDING.value if view.name else "preparing"


def _words(view: View) -> tuple[str, str]:
    """The words that stay, and those that change as time passes."""
    if view.outcome is not None:
        return ended(view.outcome, view.asked if view.started is None else view.started), ""
    if view.stage is None:
        return _state(view), _passing(view.asked if view.started is None else view.started, view.now)
    match view.stage.kind:
        case "cancelling":
            return "cancelling", _passing(view.stage.since, view.now)
        case "background":
            return f"started in the background at {_clock(view.stage.since)}", ""
        case "refused":
            return "not started", ""
        case _:
            assert_never(view.stage.kind)


def _passing(begin: float, now: float) -> str:
    """In whole seconds: a line that is drawn twice a second has no tenths."""
    seconds = max(0, int(now - begin))
    return f" for {duration(seconds) if seconds >= 10 else f'{seconds} s'} as of {_clock(now)}"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _progress(view: View) -> list[str]:
    attempt = [] if view.attempt is None else [f"attempt {view.attempt[0]} of {view.attempt[1]}"]
    return attempt + _replicas(view.replicas.values())


def _replicas(statuses: Iterable[ReplicaStatus]) -> list[str]:
    """Such as ``3 running``, ``1 waiting: no free port``; states in the order of a replica's life."""
    found: dict[ReplicaState, list[str]] = {state: [] for state in ReplicaState}
    for one in statuses:
        found[one.state].append(one.reason)
    parts = []
    for state, reasons in found.items():
        why = _why(reasons) if state in (ReplicaState.WAITING, ReplicaState.FAILED) else ""
        if reasons:
            parts.append(f"{len(reasons)} {state.value}" + (f": {why}" if why else ""))
    return parts


def _why(reasons: Sequence[str]) -> str:
    """The reason that most have. A wait's may be long, for it says what to do."""
    known = Counter(filter(None, reasons))
    if not known:
        return ""
    [(most, _)] = known.most_common(1)
    others = len(known) - 1
    return reason(most) + (f" (and {others} other {'reason' if others == 1 else 'reasons'})" if others else "")


def reason(words: str) -> str:
    """Why a replica waits or failed: it may be long, for it says what to do."""
    return short(plain(words), _WAIT)


def short(words: str, longest: int = _LONGEST) -> str:
    """The words, or as many as fit in a line that others stand in as well."""
    return words if len(words) <= longest else words[: longest - 1] + "…"
