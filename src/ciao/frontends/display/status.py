"""The one line above a job's output that says how it stands. Pure: a view goes in, words come out.

A notebook is saved at any moment and read years later, by people and by tools. So the words say *as of when*, not
only for how long; colours are beside words, never instead of them; and the HTML is one ``div``
that an untrusted notebook's clean-up leaves as it is (no style block, script, SVG or variable).
"""

from __future__ import annotations

import html
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from ciao.frontends.display.colour import plain
from ciao.frontends.display.packing import Shown
from ciao.model import Failure, Outcome, Phase, ReplicaState, ReplicaStatus

__all__ = ["Stage", "Status", "View", "duration", "failed", "short", "status"]

_LONGEST = 120
_WAIT = 300
"""Characters of an error, and of a reason to wait, which is all that there is to read."""

_COLOURS = {  # legible on white and on black
    "succeeded": "#2e9e44",
    "running": "#1e88e5",
    "failed": "#e0443e",
    "pending": "#b8860b",
    "preparing": "#b8860b",
}
_GREY = "#808080"


class Stage(NamedTuple):
    """What the frontend knows and no event tells, since an epoch time.

    Its cell is being cancelled, has let go of its job, or was refused one.
    """

    kind: Literal["cancelling", "background", "refused"]
    since: float


@dataclass(frozen=True, kw_only=True)
class View:
    """What the line tells of. Times are epoch seconds; ``name`` is empty before the job has one.

    ``started`` is when its first replica ran, ``asked`` when the job began to exist; ``packing`` tells of its code.
    """

    name: str = ""
    where: str
    replicas: Mapping[str, ReplicaStatus] = field(default_factory=dict)
    asked: float
    started: float | None = None
    attempt: tuple[int, int] | None = None
    packing: Shown | None = None
    stage: Stage | None = None
    outcome: Outcome | None = None
    now: float


@dataclass(frozen=True, kw_only=True)
class Status:
    """``key`` is the words without the time that passes: where a line cannot be replaced, show a new key only."""

    html: str
    text: str
    key: str


def status(view: View) -> Status:
    """The line of this moment."""
    state, (words, passing) = _state(view), _words(view)
    same = " · ".join(map(plain, [f"{view.name or 'job'} on {view.where}", *(_progress(view) if passing else [])]))
    packing = view.packing if passing else None
    body, key = (f"{same} · {packing.text}", f"{same} · {packing.key}") if packing else (same, same)
    text = f"{words}{passing} · {body}"
    return Status(html=_html(state, f"{words}{passing}", body), text=text, key=f"{words} · {key}")


def failed(failure: Failure, verb: str = ": ") -> str:
    """Why a replica failed, in one short line: ``worker-1: ValueError: no such file``."""
    value, who = plain(failure.evalue), plain(failure.replica)
    why = plain(failure.ename) + (f": {value}" if value else "")
    return short(f"{who}{verb}{why}" if who else why)


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
        return _ended(view.outcome, view), ""
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


def _ended(outcome: Outcome, view: View) -> str:
    took = duration(outcome.ended - (view.asked if view.started is None else view.started))
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
    known = Counter(plain(reason) for reason in reasons if reason)
    if not known:
        return ""
    [(most, _)] = known.most_common(1)
    others = len(known) - 1
    return short(most, _WAIT) + (f" (and {others} other {'reason' if others == 1 else 'reasons'})" if others else "")


def short(words: str, longest: int = _LONGEST) -> str:
    """The words, or as many as fit in a line that others stand in as well."""
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _html(state: str, words: str, body: str) -> str:
    dot = f'<span style="color:{_COLOURS.get(state, _GREY)}">●</span>'
    return f"<div>{dot} <b>{html.escape(words)}</b> · {html.escape(body)}</div>"
