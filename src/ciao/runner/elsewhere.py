"""Exceptions of other processes that reach the cell's process as text inside of an exception of its own.

A pool of processes, a data loader, ``torch.multiprocessing.spawn`` and torchrun's launcher all do that. What was
raised there is then told as the error itself, with the lines of the cell where it was raised. Only known wrappers are
opened, and what does not read as a traceback stays as it is.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    Record = Dict[str, Any]

MAX_FRAMES = 50
LAST_LINES = 12

_BEGIN = "Traceback (most recent call last):\n"
_CAUGHT = re.compile(r"Caught (\w+) (in [^\n]{1,200})\.\nOriginal Traceback")
_SPAWNED = re.compile(r"\s*-- Process (\d+) terminated with the following error:\n")
_FRAME = re.compile(r'  File "(.+)", line (\d+)(?:, in (.+))?')
_VERDICT = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)


def opened(told: Record, error: BaseException, cell: str) -> Record:
    """The same record, or that of what was raised in the other process: its frames behind those that waited for it."""
    if told["ename"] == "CalledProcessError":
        told["notes"] = [*told["notes"], *_last_lines(error)]
    text, where = _text(told, error)
    raised = last_traceback(text, cell) if text else None
    if raised is None:
        return told
    name, value, frames = raised
    if where:
        told["notes"] = [*told["notes"], "raised %s" % where]
        told["module"], _, told["ename"] = name.rpartition(".")
        told["evalue"] = value
    else:  # the very exception came, its traceback as its cause
        told["notes"] = [*told["notes"], "raised in another process, which sent it to this one"]
        told["cause"], told["by_from"] = None, False
    told["frames"] = [*told["frames"], *frames]
    return told


def _last_lines(error: BaseException) -> List[str]:
    """What a program said that was run with its output captured: nobody has seen it."""
    try:
        said = getattr(error, "stderr", None) or getattr(error, "output", None)
        text = bytes.decode(said[-4096:], "utf-8", "replace") if type(said) is bytes else said
    except BaseException:  # noqa: BLE001  # somebody else's of that name
        return []
    if type(text) is not str or not text.strip():
        return []
    return ["\n".join(["its output ends with", *text[-4096:].strip().split("\n")[-LAST_LINES:]])]


def _text(told: Record, error: BaseException) -> Tuple[str, str]:
    """The traceback of the other process, and where that was; empty if this is no such exception."""
    name, value, cause = told["ename"], told["evalue"], told["cause"]
    if cause is not None and cause["ename"] in ("RemoteTraceback", "_RemoteTraceback"):
        text = cause["evalue"].strip().strip('"')
        return (text, "") if text.count(_BEGIN) == 1 else ("", "")
    found = _CAUGHT.match(value)
    if found is not None and found.group(1) == name:
        return value[found.end(1) :], found.group(2)
    found = _SPAWNED.match(value)
    if found is not None and name == "ProcessRaisedException":
        return value[found.end() :], "in process %s that was spawned" % found.group(1)
    if name == "ChildFailedError":
        return _of_torchrun(error)
    return "", ""


def _of_torchrun(error: BaseException) -> Tuple[str, str]:
    """What its first process to fail wrote into its error file; older versions and killed processes write none."""
    try:
        rank, failure = error.get_first_failure()  # type: ignore[attr-defined]  # torch's
        text = failure.error_file_data["message"]["extraInfo"]["py_callstack"]
        return (text, "in rank %d of torchrun" % rank) if type(text) is str else ("", "")
    except BaseException:  # noqa: BLE001  # whatever it is that bears this name
        return "", ""


def last_traceback(text: str, cell: str) -> Optional[Tuple[str, str, List[Record]]]:
    """Name, message and frames of the last traceback in a text."""
    at = text.rfind(_BEGIN)
    lines = text[at + len(_BEGIN) :].rstrip().split("\n") if at >= 0 else []
    frames: List[Record] = []
    for number, line in enumerate(lines):
        found = _FRAME.fullmatch(line)
        if found is not None:
            below = lines[number + 1].strip() if number + 1 < len(lines) else ""
            frames.append(_frame(found.group(1), int(found.group(2)), found.group(3) or "<module>", below, cell))
        elif not line.startswith("  "):
            verdict = _VERDICT.fullmatch("\n".join(lines[number:]))
            if verdict is None or not frames:
                return None
            return verdict.group(1), verdict.group(2) or "", frames[-MAX_FRAMES:]
    return None


def _frame(file: str, line: int, name: str, text: str, cell: str) -> Record:
    frame: Record = {"file": file[:1000], "line": line, "name": name[:1000], "first": line, "source": []}
    frame.update(text="" if _FRAME.fullmatch("  " + text) else text[:1000], cell=file == cell)
    return frame
