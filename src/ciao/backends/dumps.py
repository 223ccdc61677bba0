"""What replicas tell of where they stand (:mod:`ciao.runner.stacks`), read as data from a less trusted place.

Any of it may be missing, of another type or far too large. Nothing here raises: what does not fit is left out.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ciao.errors import BackendError
from ciao.home import RUNNER
from ciao.model import Frame, ReplicaState, ReplicaStatus, Standing, Summary, Thread

__all__ = ["check_runs", "complete", "lines_of", "standings"]

MAX_PROCESSES = 256
MAX_DUMP = 128 * 1024
MAX_THREADS = 100
MAX_FRAMES = 100
MAX_NAME = 500

TAKER = "_take_signals"

HEAD = re.compile(r"(?:Current thread|Thread) 0x[0-9a-f]+(?: \[.*\])? ?\(most recent call first\):?")
FRAME = re.compile(r'  File "(?P<file>[^\n]*)", line (?P<line>[0-9]{1,7}|\?\?\?) in (?P<function>[^\n]*)')

STATES: Mapping[str, str] = {
    "T": "it is stopped (SIGSTOP)",
    "t": "a debugger has stopped it",
    "D": "it waits for the system: a disk, or a file system of the network",
    "Z": "it has ended",
    "": "it has ended",
}
UNTOLD = "it gave no answer"
TOO_MANY = "it has more than 100 threads, and the main one was not among those that were told"

NOT_RUNNING: Mapping[ReplicaState, str] = {
    ReplicaState.WAITING: "it waits to start",
    ReplicaState.SUCCEEDED: "it has succeeded",
    ReplicaState.FAILED: "it has failed",
    ReplicaState.ENDED: "it was ended",
}
NOTHING_THERE = "no process of the cell runs there, or none that can be asked"


def check_runs(summary: Summary) -> None:
    """Raises BackendError for a job that has ended."""
    if summary.phase.ended:
        name = summary.job.name
        words = f"the job {name} is over ({summary.phase}): it has no processes left that stand anywhere"
        raise BackendError(words, hint=f"`%ciao logs {name}` shows its lines, `%ciao describe {name}` how it ended")


def complete(summary: Summary, told: Iterable[Standing], *, replica: str | None = None) -> tuple[Standing, ...]:
    """Every replica of the job, or the one that is meant, in order: what it told, or why it told nothing.

    A launcher only starts others.
    """
    found: dict[str, list[Standing]] = {}
    for one in told:
        found.setdefault(one.replica, []).append(one)
    meant = [status for status in summary.replicas if replica in (None, status.replica)]
    silent = {s.replica: Standing(replica=s.replica, silent=_why(s)) for s in meant}
    starts_others = [name for name in silent if name.startswith("launcher-") and name not in found and len(found) > 0]
    return tuple(one for name in silent if name not in starts_others for one in found.get(name) or [silent[name]])


def _why(status: ReplicaStatus) -> str:
    return status.reason or NOT_RUNNING.get(status.state, NOTHING_THERE)


def lines_of(output: bytes) -> list[object]:
    """What the runner wrote in a pod: JSON, one process a line."""
    found: list[object] = []
    for line in output.splitlines()[: 2 * MAX_PROCESSES]:
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return found


def standings(told: Iterable[object], *, replica: str = "") -> tuple[Standing, ...]:
    """Those that can be read, of the replica that they name; or of this one, whose pod was asked."""
    known = [one for one in told if isinstance(one, Mapping)][:MAX_PROCESSES]
    found = [_standing(one, replica or _text(one.get("replica"))) for one in known]
    by_replica: dict[str, list[Standing]] = {}
    for one in found:
        by_replica.setdefault(one.replica, []).append(one)
    return tuple(one for name, several in by_replica.items() if name for one in _numbered(several))


def _standing(told: Mapping[str, Any], replica: str) -> Standing:
    dump = _text(told.get("dump"), MAX_DUMP)
    cut = dump.endswith("\n...\n")  # faulthandler tells of so many, and of the main thread last
    threads = () if cut else tuple(_threads(dump, told))
    process = _text(told.get("process"), 8)
    return Standing(
        replica=replica,
        process=process if process.isascii() and process.isdigit() else "",
        threads=_main_first(threads),
        silent="" if threads else TOO_MANY if cut else STATES.get(_text(told.get("state"), 8), UNTOLD),
    )


def _numbered(processes: Sequence[Standing]) -> list[Standing]:
    """From 0 in each replica: MPI counts through all ranks of a machine. Who is alone has no number."""
    if len(processes) == 1:
        return [replace(processes[0], process="")]
    ordered = sorted(processes, key=lambda one: int(one.process or "0"))
    return [replace(one, process=str(number)) for number, one in enumerate(ordered)]


def _main_first(threads: Sequence[Thread]) -> tuple[Thread, ...]:
    """Faulthandler begins with the youngest."""
    return (_inner(threads[-1]), *(one for one in threads[-2::-1] if not _is_ours(one))) if threads else ()


def _is_ours(thread: Thread) -> bool:
    """It only takes the signal."""
    return bool(thread.frames) and all(frame.function == TAKER and _in_runner(frame) for frame in thread.frames)


def _in_runner(frame: Frame) -> bool:
    return posixpath.basename(posixpath.dirname(frame.file)) == RUNNER


def _inner(main: Thread) -> Thread:
    """What the cell does, without what started it."""
    first = next((i for i, frame in enumerate(main.frames) if frame.in_cell), None)
    if first is not None:
        return Thread(frames=main.frames[first:])
    own = [frame for frame in main.frames if not _in_runner(frame)]
    return Thread(frames=tuple(own), cut=main.cut)


def _threads(dump: str, told: Mapping[str, Any]) -> Iterator[Thread]:
    """In the order of the dump. Lines before the first head belong to a thread whose head was cut off."""
    blocks: list[list[str]] = []
    for line in dump.splitlines():
        if HEAD.fullmatch(line):
            blocks.append([])
        elif blocks:
            blocks[-1].append(line)
    for block in blocks[-MAX_THREADS:]:
        frames = [frame for line in block if (frame := _frame(line, told)) is not None][:MAX_FRAMES]
        yield Thread(frames=tuple(reversed(frames)), cut="  ..." in block)


def _frame(line: str, told: Mapping[str, Any]) -> Frame | None:
    found = FRAME.fullmatch(line)
    if found is None:
        return None
    number = int(found["line"]) if found["line"].isdigit() else 1
    file = found["file"][:MAX_NAME]
    in_cell = posixpath.dirname(file) == _escaped(_text(told.get("code")))
    texts = told.get("texts")
    text = _text(texts.get(str(number)))[:MAX_NAME] if in_cell and isinstance(texts, Mapping) else ""
    return Frame(
        file=file,
        line=max(1, number),
        function=found["function"][:MAX_NAME] or "?",
        first_line=max(1, number),
        source=(text,) if text else (),
        in_cell=in_cell,
    )


def _escaped(folder: str) -> str:
    """As faulthandler writes it."""
    return folder.encode("ascii", "backslashreplace").decode()


def _text(value: object, longest: int = 4096) -> str:
    """Its end if it is longer: the main thread is the last. Without halves of surrogate pairs."""
    return value[-longest:].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
