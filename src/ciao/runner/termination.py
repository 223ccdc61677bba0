"""The termination message: how the cell ended, small enough for the pod's status, which survives a lost log.

::

    {"v":1, "type":"end", "time":..., "code":0}                         or "signal":9, "died":"SIGKILL"
    {"v":1, "type":"error", "time":..., "error":{...}, "code":1}        a record (record.py) with the status
    {"v":1, "type":"died", "time":..., "error":{...}, "signal":11, ...} the same (crash.py)

``code`` and ``signal`` are those of the cell's process. ``"stopped":true`` is there if SIGTERM was asked of us, and
our own exit status then 143; ``"oom_kills":n`` if it failed and the kernel killed n processes of its container for want
of memory (memory.py). Always valid JSON of at most MAX_MESSAGE bytes: the frames are those of the cell, texts
are cut.
"""

from __future__ import annotations

import json
import os
import signal
import time

from . import FORMAT, memory
from .record import fitted
from .telling import cut_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .record import Record

MAX_MESSAGE = 4096  # what Kubernetes keeps
DEFAULT_PATH = "/dev/termination-log"

_CUTS = tuple(
    {"sources": "none", "only_cell": True, "value": value, "frames": frames, "text": text, "nested": nested}
    for value, frames, text, nested in ((1500, 10, 200, 2), (800, 6, 100, 1), (150, 4, 80, 0), (100, 0, 40, 0))
)


def write_message(record: bytes, status: int, *, stopped: bool) -> None:
    """Write it to CIAO_TERMINATION_LOG, or where Kubernetes looks for it by default, if that is there."""
    path = os.environ.get("CIAO_TERMINATION_LOG", "")
    if not path and not os.path.exists(DEFAULT_PATH):
        return
    try:
        with open(path or DEFAULT_PATH, "wb") as file:
            kills = memory.oom_kills() if status and os.getpid() == 1 else 0
            file.write(message(record, status, stopped=stopped, oom_kills=kills))
    except OSError:  # a read-only file system: the log has the record too
        pass


def message(record: bytes, status: int, *, stopped: bool, oom_kills: int = 0) -> bytes:
    """The message for a record (or none) and an exit status, negative for a signal."""
    end: Record = {"code": status} if status >= 0 else {"signal": -status, "died": _name(-status)}
    if stopped:
        end["stopped"] = True
    if oom_kills:
        end["oom_kills"] = oom_kills
    try:
        told = dict(json.loads(record), **end)
        if "message" in told:
            told["message"] = cut_text(told["message"], 300)
        line = fitted(told, 0, _CUTS[:1]) if told.get("type") == "error" else json.dumps(told)
        if len(line) > MAX_MESSAGE:
            line = fitted(told, MAX_MESSAGE, _CUTS)
    except (ValueError, TypeError, KeyError, RecursionError):  # none, or not made by record.py
        line = ""
    if not 0 < len(line) <= MAX_MESSAGE:
        line = json.dumps(dict({"v": FORMAT, "type": "end", "time": time.time()}, **end))
    return line.encode("ascii")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number
