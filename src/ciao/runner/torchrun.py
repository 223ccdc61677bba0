"""torchrun as it runs in each worker of an elastic job: what it says of its own end comes as one block, and is told.

Runs in torchrun's own process, in which there is no code of the user's, by the path of this file. Below a supervisor
(upstream.py) two things differ from plain torchrun:

* What it logs and raises as it ends is written last and at once, in the shape of a traceback. A record says so::

    {"v":1, "type":"report", "lines":32, "crc":1234567}     so many lines of the log, with this CRC-32 of their bytes

* A worker of which a signal ended a process leaves the others, which go on. torchrun would start it again together
  with all of them, to be killed again, until nobody may start again. Who holds the rendezvous cannot leave.
"""

from __future__ import annotations

import binascii
import importlib
import json
import os
import signal
import sys
import threading
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

RECORDS = "CIAO_RECORDS"
LEAVES = "is_host=0"
ENDS = ("ChildFailedError", "SignalException")
"""What torchrun raises to its top when a process of it has failed for good, or when it is asked to end."""


class Holding:
    """Standard error, in which what is written while torchrun ends is held back. Its handlers of logs write to it.

    Other threads are not: with PET_TEE they write what the cell's processes say.
    """

    def __init__(self, stream: Any) -> None:
        self.on = False
        self._stream = stream
        self._held: List[str] = []
        self._thread = threading.get_ident()

    def write(self, text: str) -> None:
        """Or keep it."""
        ends = self.on or type(sys.exc_info()[1]).__name__ == "SignalException"
        if ends and threading.get_ident() == self._thread:
            self._held.append(text)
        else:
            self._stream.write(text)

    def release(self) -> None:
        """It goes on: what was held is as good as any other line."""
        self.on = False
        self._stream.write(self.taken())

    def taken(self) -> str:
        """What was held."""
        held, self._held = "".join(self._held), []
        return held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def watched(agent: Any, held: Holding) -> None:
    """Hold back what this class of agents says of a failure that is its last, and leave for one by a signal.

    There is no public place for this: of a version that has it elsewhere all is shown, and restarts are torchrun's.
    """
    look = getattr(agent, "_monitor_workers", None)
    if look is None:
        return

    def monitor(self: Any, *args: Any, **named: Any) -> Any:
        held.on = True
        last = False
        try:
            result = look(self, *args, **named)
            last = result.is_failed() and getattr(self, "_remaining_restarts", 0) <= 0
            number = _signal(result) if result.is_failed() and not last else 0
            if number and os.environ.get("PET_RDZV_CONF", "").startswith(LEAVES):
                last = True
                raise _leaving(number)
        finally:
            if not last:
                held.release()
        return result

    agent._monitor_workers = monitor  # noqa: SLF001  # as said


def _signal(result: Any) -> int:
    """That ended one of its processes; 0 if none did. A runtime's watchdog aborts it when it has lost another one."""
    signals = [-failure.exitcode for failure in result.failures.values() if failure.exitcode < 0]
    return next((number for number in signals if number != signal.SIGABRT), 0)


def _leaving(number: int) -> Exception:
    """What torchrun raises when it is asked to end: then it closes nothing that the others need."""
    words = "this worker leaves, as a process of it failed (exitcode: -%d)" % number  # as init reads it
    error: Exception = _torchs("elastic.multiprocessing.api").SignalException(words, signal.SIGTERM)
    return error


def report(error: BaseException, held: Holding, pipe: str) -> None:
    """Write all that was to be said, in one piece, and tell which lines that are."""
    *head, verdict = traceback.format_exception(type(error), error, error.__traceback__)
    asked = type(error).__name__ == "SignalException"  # where it stood when it was asked to end tells nothing
    said = head[0] + held.taken() + verdict if asked else "".join(head) + verdict + held.taken()
    data = said.replace("\r", "").encode("utf-8", "backslashreplace")
    sys.stderr.flush()
    os.write(2, data)
    record = {"v": 1, "type": "report", "lines": data.count(b"\n"), "crc": binascii.crc32(data)}
    try:
        fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)  # waits for no reader
        os.write(fd, json.dumps(record).encode("ascii") + b"\n")
        os.close(fd)
    except OSError:  # then all lines are shown
        pass


def main() -> None:
    """Leaves as torchrun does; asked to end, with one line where nobody listens."""
    pipe = os.environ.get(RECORDS, "")
    held = Holding(sys.stderr)
    if pipe:
        sys.stderr = held
    torchrun = _torchs("run")
    if pipe:
        watched(getattr(_torchs("elastic.agent.server.local_elastic_agent"), "LocalElasticAgent", None), held)
    try:
        torchrun.main()
    except BaseException as error:
        if type(error).__name__ not in ENDS or (not pipe and type(error).__name__ != "SignalException"):
            held.release()
            raise
        if not pipe:
            sys.exit("torchrun: %s" % error)
        report(error, held, pipe)
        held.release()
        sys.exit(1)


def _torchs(module: str) -> Any:
    """Which is there where this runs, and needs nothing of it known before."""
    return importlib.import_module("torch.distributed." + module)


if __name__ == "__main__":
    main()
