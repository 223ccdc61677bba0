"""The one line above a job's output that says how it stands. Pure: a view goes in, words come out.

A notebook is saved at any moment and read years later, by people and by tools. So the words say *since when* and
*as of when*, not only for how long; colours are beside words, never instead of them; and the HTML is one ``div``
that an untrusted notebook's clean-up leaves as it is (no style block, script, SVG or variable).
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ciao.frontends.display.colour import plain
from ciao.model import Failure, Outcome, Phase, ReplicaState, ReplicaStatus

__all__ = ["Status", "View", "duration", "failed", "short", "status"]

_LONGEST = 120

_COLOURS = {  # legible on white and on black
    "succeeded": "#2e9e44",
    "running": "#1e88e5",
    "failed": "#e0443e",
    "pending": "#b8860b",
    "preparing": "#b8860b",
}
_GREY = "#808080"


@dataclass(frozen=True, kw_only=True)
class View:
    """What the line tells of. Times are epoch seconds; ``name`` is empty before the job has one.

    ``started`` is when its first replica ran, ``asked`` when the job began to exist.
    """

    name: str = ""
    where: str
    replicas: Mapping[str, ReplicaStatus] = field(default_factory=dict)
    asked: float
    started: float | None = None
    attempt: tuple[int, int] | None = None
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
    state, parts = _state(view), [f"{view.name or 'job'} on {view.where}"]
    if view.attempt is not None and view.outcome is None:
        parts.append(f"attempt {view.attempt[0]} of {view.attempt[1]}")
    if view.outcome is None:
        parts += _replicas(view.replicas.values())
    since = _since(state, view)
    words = _ended(view.outcome, view) if view.outcome is not None else since[0]
    body = " · ".join(map(plain, parts))
    text = f"{words}{since[1]} · {body}"
    return Status(html=_html(state, f"{words}{since[1]}", body), text=text, key=f"{words} · {body}")


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
    if view.started is not None:
        return Phase.RUNNING.value
    return Phase.PENDING.value if view.name else "preparing"


def _since(state: str, view: View) -> tuple[str, str]:
    """The words that stay, and those that change as time passes."""
    if view.outcome is not None:
        return "", ""
    begin = view.asked if view.started is None else view.started
    passed = f"{duration(int(view.now - begin))}" if view.now - begin >= 10 else f"{max(0, int(view.now - begin))} s"
    return f"{state} since {_clock('%H:%M:%S', begin)}", f" ({passed} as of {_clock('%Y-%m-%d %H:%M:%S', view.now)})"


def _clock(form: str, seconds: float) -> str:
    return time.strftime(form, time.localtime(seconds))


def _ended(outcome: Outcome, view: View) -> str:
    took = duration(outcome.ended - (view.asked if view.started is None else view.started))
    attempts = f" (attempt {outcome.attempts})" if outcome.attempts > 1 else ""
    why = failed(outcome.failure) if outcome.failure is not None else short(plain(outcome.message))
    others = len(outcome.others)
    echo = f" ({others} {'other' if others == 1 else 'others'} failed because of it)" if others else ""
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
        why = next((plain(r) for r in reasons if r), "") if state in (ReplicaState.WAITING, ReplicaState.FAILED) else ""
        if reasons:
            parts.append(f"{len(reasons)} {state.value}" + (f": {short(why)}" if why else ""))
    return parts


def short(words: str) -> str:
    """The words, or as many as fit in a line that others stand in as well."""
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _html(state: str, words: str, body: str) -> str:
    dot = f'<span style="color:{_COLOURS.get(state, _GREY)}">●</span>'
    return f"<div>{dot} <b>{html.escape(words)}</b> · {html.escape(body)}</div>"
