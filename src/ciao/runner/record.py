"""Records of how a cell ended, as data: built, cut to size, made one line of JSON.

::

    {"v":1, "type":"started", "time":1763800000.25}             right before the user's code
    {"v":1, "type":"done", "time":...}                          all of the code has run; to whoever holds the process
    {"v":1, "type":"exit", "time":..., "code":3}                sys.exit; "message" too if its argument was a text
    {"v":1, "type":"error", "time":..., "error":ERROR}          the exception that nobody caught
    {"v":1, "type":"shown", "lines":7, "crc":1234567}           after it: its traceback is in the log now, in so many
                                                                lines, with this CRC-32 of their bytes; and the error's
                                                                ename and the beginning of its evalue

    ERROR: ename, evalue, module, notes [text], frames [FRAME, oldest first], cause ERROR or null,
           by_from (the cause was given by "raise ... from", else it is the context), exceptions [ERROR, of a group],
           left_out (members of the group that are not among them),
           and for a SyntaxError syntax {file, line, offset, text, cell}
    FRAME: file, line, name, first (the function's first line), source (all its lines, or none), text (the line,
           without its indentation), cell (it lies in the cell's file); a mark in place of frames that
           were left out has an empty file, line 0, their number in "skipped", and in "cycle" how many of the frames
           before it they repeat in turn, as those behind it do, or 0

``rank`` is there if the replica has several processes: which of them it was, counted over the whole job.
``time`` is the moment at which the exception was caught, in seconds since the epoch. ``source`` is a whole function
or nothing: a fragment would not tokenize when it is shown. It is missing for a function of more than MAX_SOURCE
lines, an unreadable file, and for the module of the cell, which its reader has; in a record that would be too long
it is given once for each function, or not at all.
"""

from __future__ import annotations

import binascii
import json
import os

from . import FORMAT, MAX_RECORD
from .ranks import rank_of
from .telling import EDGE, MAX_DEPTH, MAX_TEXT, MAX_VALUE, cut_text, safe_text, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

    Record = Dict[str, Any]


MAX_REASON = 300
"""Characters of an exception's text that are told along with its traceback: what one line of a cell has room for."""


def error_line(error: BaseException, *, at: float, cell: str) -> str:
    """The record of an exception, at most MAX_RECORD bytes. ``cell`` is the path of the cell's file."""
    told = tell(error, cell)
    return fitted(
        _ranked({"v": FORMAT, "type": "error", "time": at, "error": told}),
        MAX_RECORD - 1,
        (
            {"sources": "once"},
            {"sources": "none"},
            {"sources": "none", "value": MAX_VALUE // 8},
            {"sources": "none", "value": 4096, "frames": 40, "text": 200, "nested": 2},
            {"sources": "none", "value": 1000, "frames": 10, "text": 100, "nested": 0},
        ),
    )


def exit_line(code: object, *, at: float) -> str:
    """The record of a SystemExit with this argument; empty if it means success."""
    status = exit_status(code)
    if status == 0:
        return ""
    record = _ranked({"v": FORMAT, "type": "exit", "time": at, "code": status})
    if not isinstance(code, int):
        record["message"] = safe_text(code, 4096)
    return json.dumps(record)


def shown_line(text: str, told: str) -> str:
    """The record of what was just shown on standard error; empty if a log has it in other lines, or it is nothing.

    ``told`` is the record of the error, of which it has the beginning: each process of a replica shows its own.
    """
    if not text.endswith("\n") or "\r" in text:
        return ""
    data, error = text.encode("utf-8", "backslashreplace"), json.loads(told)["error"]
    known = {"ename": error["ename"], "evalue": error["evalue"][:MAX_REASON]}
    return json.dumps({"v": FORMAT, "type": "shown", "lines": data.count(b"\n"), "crc": binascii.crc32(data), **known})


def _ranked(record: Record) -> Record:
    rank = rank_of(os.environ)
    return record if rank is None else dict(record, rank=rank)


def exit_status(code: object) -> int:
    """What the process's status will be: Python's rule, and the system keeps eight bits."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return int(code) & 0xFF if -(2**63) <= code < 2**63 else 255


def cell_frames(error: Record) -> List[Record]:
    """Those frames of a record's error that lie in the cell."""
    return [frame for frame in error["frames"] if frame["cell"]]


def fitted(record: Record, limit: int, cuts: Tuple[Record, ...]) -> str:
    """The record as JSON of at most ``limit`` bytes, its error reduced by the first of ``cuts`` that is enough.

    The last is taken in any case.
    """
    line = json.dumps(record)
    for cut in cuts:
        if len(line) <= limit:
            break
        line = json.dumps(dict(record, error=reduced(record["error"], **cut)))
    return line


def reduced(
    error: Record,
    *,
    sources: str = "all",
    frames: int = 2 * EDGE + 1,
    value: int = MAX_VALUE,
    text: int = MAX_TEXT,
    nested: int = MAX_DEPTH,
    only_cell: bool = False,
    seen: Optional[Set[Tuple[str, int, str]]] = None,
) -> Record:
    """A smaller copy: at most ``frames`` frames, texts cut, ``nested`` levels of causes and sub-exceptions.

    ``sources``: "all", "once" for each function, "none".
    """
    seen = set() if seen is None else seen
    kept = cell_frames(error) if only_cell else error["frames"]
    smaller: Record = dict(
        error,
        ename=cut_text(error["ename"], text),
        module=cut_text(error["module"], text),
        evalue=cut_text(error["evalue"], value),
        notes=[cut_text(note, value) for note in error["notes"]] if nested else [],
        frames=[_smaller_frame(f, sources, text, seen) for f in _ends(kept, frames)],
        cause=None,
        exceptions=[],
    )
    if not nested:
        smaller.pop("syntax", None)
    else:
        again: Record = {"sources": sources, "frames": frames, "value": value, "text": text, "nested": nested - 1}
        again.update(only_cell=only_cell, seen=seen)
        smaller["cause"] = error["cause"] and reduced(error["cause"], **again)
        smaller["exceptions"] = [reduced(e, **again) for e in error["exceptions"]]
    return smaller


def _ends(frames: List[Record], most: int) -> List[Record]:
    """Where it began, and above all where it ended; a mark between them counts what is missing now."""
    if len(frames) <= most:
        return frames
    first, last = most // 4, len(frames) - most + most // 4
    left = frames[first:last]
    skipped = sum(frame.get("skipped", 1) for frame in left)
    marks = [dict(frame, skipped=skipped, cycle=0) for frame in left if "skipped" in frame]
    return frames[:first] + marks[:1] + frames[last:]


def _smaller_frame(frame: Record, sources: str, text: int, seen: Set[Tuple[str, int, str]]) -> Record:
    key = (frame["file"], frame["first"], frame["name"])
    keep = sources == "all" or (sources == "once" and key not in seen)
    seen.add(key)
    smaller = dict(frame, file=cut_text(frame["file"], text), name=cut_text(frame["name"], text))
    smaller.update(text=cut_text(frame["text"], text), source=frame["source"] if keep else [])
    return smaller
