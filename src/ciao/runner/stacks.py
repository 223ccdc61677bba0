"""Asks the cell's processes of this machine, or pod, where every thread stands.

Each has a file in memory (cell.py), into which faulthandler writes the stacks when STACKS_SIGNAL comes. If nothing
comes, a thread may wait in C and let no other run; STACKS_ANYHOW then needs no interpreter. Only a process that has the
file and catches the signals is sent them: to anybody else they would be the end.

The file is found as an open one in ``/proc``, which only the same user may look into. A process that the cell forked
has its parent's file, too, and is not asked: it lacks the thread that takes the signals.

What is told of each process, as one JSON object on a line::

    {"v":1, "replica":"worker-0", "process":"1", "pid":17, "state":"S",
     "code":"/ciao/code", "dump":"Thread 0x...", "texts":{"12":"dist.all_reduce(x)"}}

``process`` is its number in the replica, or empty; ``dump`` is what faulthandler wrote, its end if that is long, and
empty if nothing came; ``state`` is Linux's letter; ``texts`` are lines of the cell's file, which lies in ``code``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import signal
import sys
import time

from . import FORMAT, STACKS, STACKS_ANYHOW, STACKS_SIGNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Sequence

PATIENCE = 5.0
"""Seconds that a process has for its answer."""

HALTED = 0.5
"""Seconds for one that does not run: it is stopped, or has ended."""

ANYHOW = 2.5
"""Seconds after which it is asked in the other way. A thread that runs Python lets others run every few milliseconds:
to look at one that does may crash it, so this is long even for a busy machine."""

QUIET = 0.3
"""Seconds without another byte after which an answer is complete whose end does not show."""

LONGEST = 128 * 1024
LONGEST_TEXT = 300
LINK = "/memfd:" + STACKS + " "
OUTERMOST = re.compile(rb'__main__\.py", line \d+ in <module>\n\Z')


def main(path: str) -> None:
    """Tell of every process of this pod's job."""
    for told in ask(os.environ.get("CIAO_JOB", ""), os.path.dirname(path)):
        sys.stdout.write(json.dumps(told) + "\n")


def ask(job: str, code: str, *, replica: str = "", within: float = PATIENCE) -> List[Dict[str, Any]]:
    """What the job's processes here tell, of all replicas or of one; ``code`` is the folder of the cell's file."""
    asked = [one for one in _processes() if one.job == job and replica in ("", one.replica)]
    _ask_each(asked, within)
    return [process.told(code) for process in asked]


class _Process:
    """One that can be asked. ``dump`` is its answer."""

    def __init__(self, pid: int, link: str, target: str) -> None:
        words = target[len(LINK) :].split(" ")
        self.pid = pid
        self.link = link
        self.file = target
        self.own = words[0] == str(pid)
        self.job, self.replica, self.number = words[1:4]
        self.dump = b""
        self.asked = False
        self._fd = -1
        self._size = 0
        self._since = 0.0
        self._asked_at = 0.0
        self._anyhow = False

    def begin(self) -> bool:
        """Ask it, if it can be asked; False if somebody else is just asking it."""
        try:
            if self._fd < 0:
                self._fd = os.open(self.link, os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            self._asked_at = time.monotonic()
            self.asked = self._signal(STACKS_SIGNAL)
        except BlockingIOError:
            return False
        except OSError:  # it has ended
            pass
        return True

    def _insist(self) -> None:
        """Ask in the other way, if there is no answer yet."""
        if not self._anyhow and not self.dump and time.monotonic() - self._asked_at > ANYHOW:
            self._anyhow = True
            with contextlib.suppress(OSError):
                if _state(self.pid) in ("R", "S"):  # one that is stopped would take it once it runs again
                    self._signal(STACKS_ANYHOW)

    def _signal(self, number: int) -> bool:
        """Only to the process that has the file, whoever may have its number next."""
        with contextlib.ExitStack() as held:
            handle = _handle(self.pid)
            if handle is not None:
                held.callback(os.close, handle)
            if not os.readlink(self.link).startswith(self.file) or not _catches(self.pid):
                return False
            if handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        return True

    def look(self, within: float) -> bool:
        """Whether the answer is complete, or none can come, or it has had so many seconds."""
        if time.monotonic() - self._asked_at > within:
            return True
        self._insist()
        size = os.fstat(self._fd).st_size
        if size != self._size:
            self.dump = os.pread(self._fd, LONGEST, max(0, size - LONGEST))
            self._size, self._since = size, time.monotonic()
        if not self.dump and time.monotonic() - self._asked_at > HALTED and _state(self.pid) not in ("R", "S", "D"):
            return True
        return bool(self.dump) and (OUTERMOST.search(self.dump) is not None or time.monotonic() - self._since > QUIET)

    def end(self) -> None:
        """Leave the file empty, if it was ours to use."""
        if self._fd < 0:
            return
        if self.asked:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
        os.close(self._fd)
        self._fd = -1

    def told(self, code: str) -> Dict[str, Any]:
        dump = self.dump.decode("ascii", "replace")
        return {
            "v": FORMAT,
            "replica": self.replica,
            "process": self.number,
            "pid": self.pid,
            "state": _state(self.pid),
            "code": code,
            "dump": dump,
            "texts": _texts(dump, code),
        }


def _handle(pid: int) -> Optional[int]:
    """What stands for this process and no other of the same number; None where Python or the system has none."""
    if not (hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            raise
        return None


def _ask_each(processes: Sequence[_Process], within: float) -> None:
    """All at once. Each has so many seconds from when it is asked, and as many for whoever else is just asking it.

    Who has answered is let go at once: two who ask would else wait, each for a process that the other keeps.
    """
    latest = time.monotonic() + within
    waiting, running = list(processes), list(processes[:0])
    try:
        while waiting or running:
            begun = [one for one in waiting if one.begin()]
            waiting = [one for one in waiting if one not in begun] if time.monotonic() < latest else []
            asked = [*running, *begun]
            running = [one for one in asked if one.asked and not one.look(within)]
            for process in asked:
                if process not in running:
                    process.end()
            time.sleep(0.01)
    finally:
        for process in processes:
            process.end()


def _processes() -> Iterator[_Process]:
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # not Linux
        return
    for pid in sorted(pids):
        link = _link(pid)
        if link is not None:
            process = _Process(pid, *link)
            if process.own:  # else it was forked, or it is somebody who asks, too
                yield process


def _link(pid: int) -> Optional[Sequence[str]]:
    """Its open file of that name, and the name."""
    folder = "/proc/%d/fd" % pid
    try:
        for name in os.listdir(folder):
            link = folder + "/" + name
            target = os.readlink(link).replace(" (deleted)", "")
            if target.startswith(LINK) and target.count(" ") == 4:
                return link, target
    except OSError:  # somebody else's, or gone
        pass
    return None


def _catches(pid: int) -> bool:
    for line in _lines("/proc/%d/status" % pid):
        if line.startswith("SigCgt:"):
            caught = int(line.split()[1], 16)
            return all(caught >> (number - 1) & 1 for number in (STACKS_SIGNAL, STACKS_ANYHOW))
    return False


def _state(pid: int) -> str:
    """R runs, S sleeps, D waits for a disk or the like, T is stopped, Z has ended; empty if it is gone."""
    return "".join(line.split()[1] for line in _lines("/proc/%d/status" % pid) if line.startswith("State:"))


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(64 * 1024).splitlines()
    except OSError:
        return []


def _texts(dump: str, code: str) -> Dict[str, str]:
    """The lines of the cell's file that are in the stacks. faulthandler escapes what is not ASCII."""
    folder = code.encode("ascii", "backslashreplace").decode("ascii")
    found: Dict[str, str] = {}
    for name, number in re.findall(
        '^  File "%s/([^/"]+)", line ([0-9]{1,7}) in ' % re.escape(folder), dump, re.MULTILINE
    ):
        if number not in found and len(found) < 100:
            found[number] = _text(os.path.join(code, name), int(number))
    return found


def _text(path: str, number: int) -> str:
    import linecache

    return linecache.getline(path, number).strip()[:LONGEST_TEXT]
