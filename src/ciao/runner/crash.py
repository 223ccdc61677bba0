r"""What a process left in its log when it died without a word: where it stood, and why, as whoever ended it says.

::

    {"v":1, "type":"died", "time":..., "rank":2, "error":ERROR, "lines":13, "crc":1234567}

``error`` is as record.py has it, if anything is known: ``ename`` names the crash, ``evalue`` is what was said of it; of
a process that ended by itself it is the exception with which its log ends.
``rank`` is there if the replica had several processes, ``lines`` and ``crc`` if faulthandler wrote where it stood: its
lines, and the CRC-32 of their bytes. Made by those who hold the log, from its last bytes, which may be anything: a
pattern that does not match means nothing, and nothing is looked up that stands in them.
"""

from __future__ import annotations

import binascii
import json
import os
import re
import time

from . import FORMAT
from .elsewhere import last_traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from .tail import Tail

    Record = Dict[str, Any]

MAX_FRAMES = 100  # faulthandler's own limit
MAX_WORDS = 300
MAX_LINES = 20  # of a message; more of them are output of something else
ABORTED = 6  # SIGABRT
OVERFLOW = "the stack overflowed, as by an endless recursion"

_FATAL = "Fatal Python error: "
_SIGNALS = ("Aborted", "Segmentation fault", "Bus error", "Floating point exception", "Floating-point exception")
_HEAD = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+(?: \[.*\])? ?\(most recent call first\):?")
_FRAME = re.compile(r'  File "([^\n]*)", line ([0-9]{1,7}) in ([^\n]*)')
_DUMPED = re.compile(
    r"$|Python runtime state: |(?:Current thread|Thread) 0x|Current thread's C stack trace|Extension modules: "
    r"|  (?:File \"|Binary file \"|<|\.\.\.)"
)
_SAID = re.compile(
    r"^(?:.{0,200}\bwhat\(\): +(?P<cpp>.+)"
    r"|(?P<terminate>terminate called .+)"
    r"|(?P<heap>(?:(?:free|malloc|realloc|munmap_chunk|malloc_consolidate)\(\): |double free or |corrupted ).+)"
    r"|(?P<glibc>\*\*\* .+ \*\*\*.*)"
    r"|(?P<assertion>.{0,300}\bAssertion [`'].+ failed.*)"
    r"|F[0-9]{4,8} [0-9:.]+ +[0-9]+ [^\]]{1,200}\] (?P<log>.+)"
    r"|[0-9:. -]+ F [^\]]{1,200}\] (?P<older>.+)"
    r"|Fatal Python error: (?P<python>.+))$",
    re.MULTILINE,
)
_RANK = re.compile(
    r"mpirun noticed that process rank (?P<mpirun>[0-9]{1,7})\b"
    r"|Process name: +\[(?:\[[0-9]+,[0-9]+\],|prterun-[^,\]]+,)(?P<prte>[0-9]{1,7})\]"
    r"|BAD TERMINATION .{0,2000}?\bRANK (?P<hydra>[0-9]{1,7})\b",
    re.DOTALL,
)


def died(tail: Tail, *, cell: str, signal: int, rank: Optional[int] = None, several: bool = False) -> Optional[Record]:
    """The record of a process that this ``signal`` ended, or none if it is 0; None if nothing is known.

    ``cell`` is the path of the cell's file. ``several``: a program ran all ranks, and may have said which one it was.
    """
    text = tail.text
    ename, evalue, frames = _crash(text, cell, signal) if signal else _shown(text, cell)
    if rank is None and several:
        rank = _rank(text)
    if not ename and not evalue and rank is None:
        return None
    record: Record = {"v": FORMAT, "type": "died", "time": time.time()}
    if rank is not None:
        record["rank"] = rank
    if ename or evalue:
        error: Record = {"ename": ename, "evalue": evalue, "module": "", "notes": [], "frames": frames}
        error.update(cause=None, by_from=False, exceptions=[])
        record["error"] = error
    at = text.rfind(_FATAL) if signal else -1
    if at >= 0:
        record["lines"], record["crc"] = _dumped(text[at:])
    return record


def line(record: Record) -> bytes:
    """As it is sent."""
    return json.dumps(record).encode("ascii")


def _crash(text: str, cell: str, signal: int) -> Tuple[str, str, List[Record]]:
    """Its name, what was said of it, and its frames, oldest first."""
    at = text.rfind(_FATAL)
    name = text[at + len(_FATAL) :].partition("\n")[0].strip()[:MAX_WORDS] if at >= 0 else ""
    frames, cut = _frames(text[at:], cell) if at >= 0 else ([], False)
    said = _said(text[: at + len(_FATAL) + len(name)] if at >= 0 else text) if signal == ABORTED else ""
    if cut and len({(frame["file"], frame["line"]) for frame in frames}) <= MAX_FRAMES // 10:
        said = OVERFLOW
    return name, said, frames


def _shown(text: str, cell: str) -> Tuple[str, str, List[Record]]:
    """The exception whose traceback the log ends with; not torchrun's, which only tells the status that is known."""
    found = last_traceback(text, cell)
    name = found[0].rpartition(".")[2] if found is not None else ""
    if found is None or found[1].count("\n") > MAX_LINES or name == "ChildFailedError":
        return "", "", []
    return name, found[1], found[2]


def _frames(dump: str, cell: str) -> Tuple[List[Record], bool]:
    """Of the thread that crashed, else of the main one, which comes last; and whether there were more."""
    blocks: List[List[str]] = []
    current = -1
    for text in dump.split("\n"):
        head = _HEAD.match(text)
        if head is not None:
            if head.group(1) == "Current thread":
                current = len(blocks)
            blocks.append([])
        elif blocks:
            if not text.strip() and blocks[-1] and current >= 0:
                break
            blocks[-1].append(text)
    if not blocks:
        return [], False
    found = [_FRAME.match(text) for text in blocks[current]]
    frames = [_frame(one.group(1), int(one.group(2)), one.group(3), cell) for one in found[: MAX_FRAMES + 5] if one]
    runner = os.path.join(os.path.dirname(cell), "ciao_runner") + "/"
    own = [frame for frame in reversed(frames) if not frame["file"].startswith(_escaped(runner))]
    return own, "  ..." in blocks[current]


def _dumped(text: str) -> Tuple[int, int]:
    """How many lines faulthandler wrote, and their checksum. Others may have written behind them."""
    lines = text.split("\n")
    count = next((i for i in range(1, len(lines)) if not _DUMPED.match(lines[i])), len(lines))
    while count > 1 and not lines[count - 1]:
        count -= 1
    return count, binascii.crc32("".join(line + "\n" for line in lines[:count]).encode())


def _frame(file: str, number: int, name: str, cell: str) -> Record:
    in_cell = file == _escaped(cell)
    return {
        "file": file[:1000],
        "line": number,
        "name": name[:1000],
        "first": number,
        "source": [],
        "text": "",
        "cell": in_cell,
    }


def _escaped(path: str) -> str:
    """As faulthandler writes it."""
    return path.encode("ascii", "backslashreplace").decode()


def _said(text: str) -> str:
    """The last words that explain an abort; empty if there are none of the known kinds."""
    found = [m for m in _SAID.finditer(text[-8192:]) if m.group("python") not in _SIGNALS]
    return next(filter(None, found[-1].groups()), "").strip()[:MAX_WORDS] if found else ""


def _rank(text: str) -> Optional[int]:
    found = _RANK.search(text)
    return int(next(filter(None, found.groups()))) if found is not None else None
