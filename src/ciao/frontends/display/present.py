"""What commands return, as pages for people. Pure: the time of the question is an argument."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ciao.frontends.display.colour import Prefixes
from ciao.frontends.display.page import Block, Page, Table
from ciao.frontends.display.status import duration
from ciao.frontends.display.traceback import echoes
from ciao.model import Cell, Failure, Line, Phase, ReplicaState, ReplicaStatus, Summary, reason_of

if TYPE_CHECKING:
    from ciao.commands.check import Check
    from ciao.commands.choose import Chosen
    from ciao.commands.config import Row
    from ciao.commands.end import Ended
    from ciao.commands.jobs import Jobs
    from ciao.commands.logs import Log

__all__ = ["ago", "config", "cut", "describe", "doctor", "ended", "jobs", "line", "log", "log_note"]

LINES_IN_CELL = 2000
"""How many lines of a log a cell shows; a page with many more grows slow."""

LONG = 50
"""Characters of a reason that makes a table too wide."""

CHARACTERS_IN_CELL = 500_000
"""Half of what a Jupyter server passes on in a second."""


def jobs(found: Jobs, *, now: float, prefix: str = "ciao") -> Page:
    """One row a job, newest first."""
    unasked = tuple(f"not listed: {error.message}. {error.hint}".rstrip(". ") for error in found.missing)
    if not found.summaries:
        return (f"No jobs on {found.where} yet", *unasked)
    columns = [one for one in _COLUMNS if one.always or len({one.text(s, now) for s in found.summaries}) > 1]
    rows = tuple(tuple(one.text(s, now) for one in columns) for s in found.summaries)
    older = (f"and {found.older} older: {prefix} jobs --all",) if found.older else ()
    return (Table(head=tuple(one.head for one in columns), rows=rows), *older, *unasked)


def describe(chosen: Chosen, *, now: float) -> Page:
    """All that is known of one job."""
    summary = chosen.summary
    facts = Table(rows=tuple(_facts(summary, now=now)))
    blocks: list[Block] = [facts, "", _replicas_table(summary, now=now), *_long_reasons(summary)]
    if summary.outcome and summary.outcome.failure:
        blocks += ["", _failure(summary.outcome.failure), *echoes(summary.outcome)]
    if summary.outcome and summary.outcome.hint:
        blocks += ["", summary.outcome.hint]
    return tuple(blocks)


def log(found: Log, *, timestamps: bool = False, colour: bool = False) -> Iterator[str]:
    """The lines of a log, without newlines; the replica is named unless only one was asked for."""
    prefixes = None if found.replica else Prefixes(found.replicas, colour=colour)
    return (line(one, prefixes, timestamps=timestamps) for one in found.lines)


def line(one: Line, prefixes: Prefixes | None, *, timestamps: bool = False) -> str:
    """``worker-0 | text``. Without a prefix the text is the replica's own, unchanged: it may be for a program."""
    text = one.text if prefixes is None else prefixes.block(one.replica, [one.text])[:-1]
    return f"{one.stamp} {text}" if timestamps else text


def log_note(found: Log, *, prefix: str) -> str:
    """Which job it is where none was named, and that more lines will come; empty if neither."""
    more = f"{found.job} goes on: {prefix} logs {found.job} --follow" if found.running else ""
    what = "no such line" if found.narrow else "nothing"
    none = "" if found.lines else f"{found.replica or found.job} has written {what}{' yet' if found.running else ''}"
    return "\n".join(filter(None, (found.note, none, more)))


def cut(shown: Sequence[str], *, way_out: str, earlier: int = 0) -> list[str]:
    """The last lines, as many as a cell can show at once, below a line that tells how many were left out.

    That is also the ``earlier`` ones, which nobody brought here.
    """
    start, room = len(shown), CHARACTERS_IN_CELL
    while start and len(shown) - start < LINES_IN_CELL and (room := room - len(shown[start - 1])) > 0:
        start -= 1
    missing = start + earlier
    if not missing:
        return list(shown)
    return [f"... {missing:,} earlier {'line' if missing == 1 else 'lines'} not shown: {way_out}", *shown[start:]]


def ended(done: Ended) -> str:
    """One sentence on what was cancelled or deleted."""
    if done.deleted:
        return f"{done.job} is deleted" if done.before.ended else f"{done.job} was {done.before}; cancelled and deleted"
    if done.before.ended:
        return f"{done.job} has {_ENDED[done.before]} already"
    if done.phase is Phase.CANCELLED:
        return f"{done.job} is cancelled"
    return f"{done.job} {_ENDED[done.phase]} before it could be cancelled"


def config(rows: Sequence[Row]) -> Page:
    """One row a setting."""
    return (Table(head=("SETTING", "VALUE", "FROM"), rows=tuple((r.key, r.value or "-", r.source) for r in rows)),)


def doctor(checks: Sequence[Check]) -> Page:
    """One row a check, with the fix below what needs one, and the sum of it."""
    rows = [row for check in checks for row in _check(check)]
    wrong = sum(c.verdict == "fail" for c in checks)
    odd = sum(c.verdict == "warn" for c in checks)
    total = f"{_count(wrong, 'problem')}, {_count(odd, 'warning')}" if wrong or odd else "All is well"
    return (Table(head=("", "CHECK", "RESULT"), rows=tuple(rows)), "", total)


def ago(then: float, *, now: float) -> str:
    """``2 min ago``, in one unit."""
    if now - then < 1.0:
        return "just now"
    number, unit, *_ = duration(now - then).split()
    return f"{float(number):.0f} {unit} ago"


def _replicas(summary: Summary) -> str:
    """``3 running``, ``1 failed, 2 ended``."""
    states = Counter(r.state for r in summary.replicas)
    if not states:
        return str(len(summary.job.replicas))
    return ", ".join(f"{states[state]} {state.value}" for state in ReplicaState if states[state])


def _took(summary: Summary, *, now: float) -> str:
    if summary.started is None:
        return "-"
    return duration((summary.outcome.ended if summary.outcome else now) - summary.started)


def _origin(cell: str, notebook: str) -> str:
    """The cell and its notebook; of a file that was run, the file."""
    if notebook and cell in (Path(notebook).name, Cell(text="").label):
        return notebook
    return f"{cell} of {notebook}" if notebook else cell


class _Column(NamedTuple):
    """One of the list of jobs; those that are not ``always`` shown are shown if the jobs differ in them."""

    head: str
    text: Callable[[Summary, float], str]
    always: bool = True


_COLUMNS = (
    _Column("JOB", lambda s, _: s.job.name),
    _Column("STATE", lambda s, _: s.phase.value),
    _Column("REPLICAS", lambda s, _: _replicas(s)),
    _Column("CREATED", lambda s, now: ago(s.job.created, now=now)),
    _Column("TOOK", lambda s, now: _took(s, now=now)),
    _Column("BACKEND", lambda s, _: s.job.backend, always=False),
    _Column("KIND", lambda s, _: s.kind or "-", always=False),
    _Column("NAMESPACE", lambda s, _: s.namespace or "-", always=False),
    _Column("FROM", lambda s, _: _origin(s.job.cell, Path(s.job.notebook).name)),
)


def _facts(summary: Summary, *, now: float) -> Iterator[tuple[str, str]]:
    job, outcome = summary.job, summary.outcome
    yield "job", job.name
    yield "state", summary.phase.value + (f": {outcome.message}" if outcome and outcome.message else "")
    yield "framework", job.framework
    yield "backend", job.backend
    if summary.kind:
        yield "kind", summary.kind
    if summary.namespace:
        yield "namespace", summary.namespace
    yield from summary.facts
    yield "created", f"{_clock(job.created)} ({ago(job.created, now=now)})"
    runs = summary.started is not None and not summary.phase.ended
    yield "runs for" if runs else "took", _took(summary, now=now)
    if job.cell or job.notebook:
        yield "from", _origin(job.cell, job.notebook)
    if job.code_hash:
        yield "code", f"sha256 {job.code_hash[:12]}"
    if outcome and outcome.attempts > 1:
        yield "attempts", str(outcome.attempts)


def _replicas_table(summary: Summary, *, now: float) -> Table:
    """One row a replica; reasons and places only if there are any."""
    told = _told_below(summary)
    rows = [
        (r.replica, r.state.value, ago(r.since, now=now), summary.places.get(r.replica, ""), _short(r, told))
        for r in summary.replicas
    ]
    shown = [i for i in range(5) if i < 3 or any(row[i] for row in rows)]
    head = ("REPLICA", "STATE", "SINCE", "RUNS IN", "REASON")
    return Table(head=tuple(head[i] for i in shown), rows=tuple(tuple(row[i] for i in shown) for row in rows))


def _short(status: ReplicaStatus, told: Mapping[tuple[str, str], str]) -> str:
    """A reason that fits into the table, or the error's name if its words are below."""
    return status.reason if len(status.reason) <= LONG else told.get((status.replica, status.reason), "")


def _told_below(summary: Summary) -> Mapping[tuple[str, str], str]:
    """The names of errors whose words stand below the table in any case, by replica and reason."""
    outcome = summary.outcome
    if outcome is None or outcome.failure is None:
        return {}
    return {(one.replica, reason_of(one)): one.ename for one in (outcome.failure, *outcome.others)}


def _long_reasons(summary: Summary) -> Iterator[str]:
    """Below the table, each with all to whom it applies, but for the errors that are told there anyway."""
    whose: dict[str, list[str]] = {}
    told = _told_below(summary)
    for status in summary.replicas:
        if len(status.reason) > LONG and (status.replica, status.reason) not in told:
            whose.setdefault(status.reason, []).append(status.replica)
    for reason, names in whose.items():
        few = ", ".join(names) if len(names) <= 8 else f"{names[0]} and {len(names) - 1} others"
        yield f"\n{few}: {reason}"


def _failure(failure: Failure) -> str:
    return f"{failure.place} failed first: {reason_of(failure)}" if failure.replica else f"failed: {reason_of(failure)}"


def _check(check: Check) -> Iterator[tuple[str, ...]]:
    yield (check.verdict, check.name, check.words)
    if check.fix:
        yield ("", "", f"fix: {check.fix}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _clock(seconds: float) -> str:
    """Local time: what the clock on the wall showed."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


_ENDED = {
    Phase.SUCCEEDED: "succeeded",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "been cancelled",
    Phase.LOST: "been lost",
    Phase.PENDING: "not begun",
    Phase.RUNNING: "not ended",
}
