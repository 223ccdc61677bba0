"""What the runner recorded, read as data from a less trusted place.

The runner's records (:mod:`ciao.runner`) come out of the user's own process, so any of it may be missing, of
another type or far too large. Nothing here raises: what does not fit is left out.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from ciao.backends.cause import abort_looks_secondary, looks_secondary
from ciao.model import Failure, Frame, Gap, RemoteError, Traced, reason_of

__all__ = [
    "died",
    "dumped",
    "error_of",
    "exception_failure",
    "exit_failure",
    "fuller",
    "reported",
    "signal_failure",
    "traced",
]

MAX_TEXT = 64 * 1024
MAX_FRAMES = 120
MAX_SOURCE = 300
MAX_CAUSES = 8
MAX_MEMBERS = 8
MAX_COLUMN = 300
MAX_LINES = 100_000

_SIGNAL_WORDS = {
    "SIGABRT": "the process aborted itself; its last lines say why",
    "SIGBUS": "bus error: a memory-mapped file that was cut, or a full /dev/shm",
    "SIGFPE": "floating-point exception in native code",
    "SIGILL": "illegal instruction: a library built for another processor",
    "SIGINT": "interrupted",
    "SIGKILL": "out of memory, or killed by hand",
    "SIGSEGV": "segmentation fault in native code",
    "SIGTERM": "ended by hand or by another program",
}
_NO_WORDS: Mapping[str, Any] = {}


def error_of(data: object) -> RemoteError | None:
    """The exception in a record's ``error``; None if there is none in it."""
    return _error(data, depth=0)


def exception_failure(replica: str, record: Mapping[str, Any], *, seen: float) -> Failure | None:
    """The failure that a record of type ``error`` or ``exit`` tells; ``seen`` stands in for a time it lacks."""
    when = _number(record.get("time"), seen)
    if record.get("type") == "exit":
        said = _text(record.get("message"))
        return exit_failure(replica, _integer(record.get("code"), 1), when=when, said=said, words=record)
    error = error_of(record.get("error"))
    if error is None or record.get("type") == "died":
        return None
    return Failure(
        replica=replica,
        kind="exception",
        time=when,
        ename=error.ename,
        evalue=error.evalue,
        error=error,
        secondary=_echo(error),
        rank=_rank(record),
    )


def fuller(known: Failure | None, told: Failure) -> Failure:
    """The log has all of an exception that a pod's status tells in short; another one is only what followed."""
    if known is None or (known.kind == told.kind == "exception" and known.time == told.time):
        return told
    return known


def died(record: Mapping[str, Any]) -> bool:
    """It tells of a process that told nothing itself: words for :func:`signal_failure` and :func:`exit_failure`."""
    return record.get("type") == "died"


def dumped(replica: str, record: Mapping[str, Any]) -> Traced | None:
    """What a record of type ``died`` tells of the stacks that Python wrote as it crashed; None if it wrote none."""
    error = error_of(record.get("error"))
    if error is None or not died(record):
        return None
    return _shown(replica, reason_of(error), record)


def traced(failure: Failure, record: Mapping[str, Any]) -> Traced | None:
    """What a record of type ``shown`` tells of a traceback of this failure's replica; None if it is of another type.

    Of several processes of the replica another one may have written it, with an error of its own.
    """
    if record.get("type") != "shown":
        return None
    own = error_of(record if "ename" in record else None)
    return _shown(failure.replica, reason_of(failure if own is None else own), record)


def reported(replica: str, record: Mapping[str, Any]) -> Traced | None:
    """What a record of type ``report`` tells of lines of torchrun's own: they tell nothing that is not told better."""
    return _shown(replica, "torchrun's own report", record) if record.get("type") == "report" else None


def exit_failure(
    replica: str, code: int, *, when: float, said: str = "", words: Mapping[str, Any] = _NO_WORDS
) -> Failure:
    """A process that ended with a code of its own choice; ``said`` is the text that it gave to ``sys.exit``.

    If it gave none, the traceback at the end of its log may be the reason, or of something that it handled.
    """
    evalue = f"{said} (exit code {code})" if said else f"exit code {code}"
    shown = error_of(words.get("error")) if died(words) else None
    if shown is not None:
        evalue += f"; its log ends with {shown.ename}" + (f": {shown.evalue}" if shown.evalue else "")
        shown = replace(shown, ename="SystemExit", evalue=evalue)
    return Failure(
        replica=replica, kind="exit", time=when, ename="SystemExit", evalue=evalue, error=shown, rank=_rank(words)
    )


def signal_failure(replica: str, number: int, *, when: float, words: Mapping[str, Any] = _NO_WORDS) -> Failure:
    """A process that a signal ended. ``words`` is the record that others made of its last ones, if there is one."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    told = error_of(words.get("error"))
    said = told.evalue if told is not None else ""
    evalue = _signal_words(name, said)
    return Failure(
        replica=replica,
        kind="signal",
        time=when,
        ename=name,
        evalue=evalue,
        error=replace(told, ename=name, evalue=evalue) if told is not None and told.frames else None,
        secondary=name == "SIGABRT" and abort_looks_secondary(said),
        rank=_rank(words),
    )


def _shown(replica: str, reason: str, record: Mapping[str, Any]) -> Traced | None:
    lines, checksum = record.get("lines"), record.get("crc")
    if not _within(lines, 1, MAX_LINES) or not _within(checksum, 0, 2**32 - 1):
        return None
    return Traced(replica=replica, reason=reason, lines=lines, checksum=checksum)


def _signal_words(name: str, said: str) -> str:
    """What it means. Who has the process's own words need not look for them in the log."""
    words = _SIGNAL_WORDS.get(name, "ended by a signal")
    return f"{words.partition(';')[0]}: {said}" if said else words


def _echo(error: RemoteError) -> bool:
    """It looks like the loss of a peer, or follows from what does; of a group every member."""
    if error.exceptions and not error.left_out:
        return all(map(_echo, error.exceptions))
    here = looks_secondary(error.ename, error.evalue)
    return here or (error.cause is not None and _echo(error.cause))


def _error(data: object, *, depth: int) -> RemoteError | None:
    if not isinstance(data, Mapping) or depth > MAX_CAUSES:
        return None
    frames = [f for f in _list(data.get("frames")) if isinstance(f, Mapping)][:MAX_FRAMES]
    return RemoteError(
        ename=" ".join(_text(data.get("ename"))[:200].split()) or "Exception",
        evalue=_text(data.get("evalue")),
        frames=(*(_frame(f) for f in frames if "skipped" not in f), *_syntax(data.get("syntax"))),
        gap=_gap(frames),
        notes=tuple(map(_text, _list(data.get("notes"))[:20])),
        cause=_error(data.get("cause"), depth=depth + 1),
        by_from=data.get("by_from") is True,
        exceptions=_members(data, depth=depth + 1),
        left_out=max(0, _integer(data.get("left_out"), 0)),
    )


def _gap(frames: list[Mapping[str, Any]]) -> Gap | None:
    after, mark = next(((i, f) for i, f in enumerate(frames) if "skipped" in f), (0, _NO_WORDS))
    count, cycle = _integer(mark.get("skipped"), 0), _integer(mark.get("cycle"), 0)
    if count <= 0:
        return None
    return Gap(after=after, frames=count, cycle=cycle if 0 < cycle <= after and count % cycle == 0 else 0)


def _members(data: Mapping[str, Any], *, depth: int) -> tuple[RemoteError, ...]:
    members = (_error(one, depth=depth) for one in _list(data.get("exceptions"))[:MAX_MEMBERS])
    return tuple(one for one in members if one is not None)


def _frame(data: Mapping[str, Any]) -> Frame:
    first = max(1, _integer(data.get("first"), 1))
    line = max(1, _integer(data.get("line"), first))
    source = tuple(_text(line)[:2000] for line in _list(data.get("source"))[:MAX_SOURCE])
    if not source and (text := _text(data.get("text"))[:2000]):
        source, first = (text,), line
    return Frame(
        file=_text(data.get("file"))[:4096],
        line=line,
        function=_text(data.get("name"))[:200] or "?",
        first_line=first,
        source=source,
        in_cell=data.get("cell") is True,
    )


def _syntax(data: object) -> Iterator[Frame]:
    """Where a syntax error lies, as a last frame: the code there never ran, but that is the place to look at."""
    if isinstance(data, Mapping) and data.get("file"):
        line, text = _integer(data.get("line"), 1), _text(data.get("text"))
        frame = _frame({**data, "first": line, "name": "<module>", "source": [text] if text else []})
        yield replace(frame, column=min(max(0, _integer(data.get("offset"), 0)), MAX_COLUMN))


def _rank(record: Mapping[str, Any]) -> int | None:
    rank = record.get("rank")
    return rank if _within(rank, 0, 10**7) else None


def _text(value: object) -> str:
    """Cut, and without halves of surrogate pairs: JSON can say them, no encoding can."""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _integer(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else otherwise


def _within(value: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number(value: object, otherwise: float) -> float:
    """A moment in seconds, of which time itself can make a date."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**36:
        return otherwise
    return float(value)
