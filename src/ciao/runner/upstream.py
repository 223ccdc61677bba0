"""Where init tells what its processes told: in a pod in its own output, on a user's machine to a supervisor.

The supervisor of the local backend gives a descriptor for records (CIAO_RECORD_FD) and reads the status that the
system has of us. It has no termination message, and is not the last to end: whoever kills it ends us, and with us
all that we started.
"""

from __future__ import annotations

import os
import signal
import sys

from . import FRAME, RECORD_FD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence

F_SETSIG = 10  # Linux


class Upstream:
    """``supervised`` says which of the two it is."""

    def __init__(self) -> None:
        self._fd: Optional[int] = None
        given = os.environ.pop(RECORD_FD, "")
        if given.isdigit():
            self._fd = int(given)
            os.set_inheritable(self._fd, False)  # noqa: FBT003  # its only form

    @property
    def supervised(self) -> bool:
        """There is a supervisor that listens."""
        return self._fd is not None

    def told(self, records: Sequence[bytes]) -> bytes:
        """What belongs into the output; nothing once they are with the supervisor."""
        if self._fd is None:
            return b"".join(FRAME.encode() + record + b"\n" for record in records)
        data = memoryview(b"".join(record + b"\n" for record in records))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # it is gone, and we will be
            pass
        return b""


def end_as(status: int) -> None:
    """End with this exit status, a negative one by the signal itself: a supervisor then sees the same as we did."""
    if status < 0:
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status if status >= 0 else 128 - status)


class Lifeline:
    """A pipe of which a group of processes holds the reading end, and we the only writing one.

    When we end, however we end, Linux kills the group. Elsewhere it does nothing.
    """

    def __init__(self) -> None:
        self.theirs, self._ours = os.pipe()
        os.set_inheritable(self.theirs, True)  # noqa: FBT003  # its only form

    def kill_with_us(self, group: int) -> None:
        """From now on. Theirs is closed here: they have it."""
        if sys.platform == "linux":
            import fcntl

            fcntl.fcntl(self.theirs, fcntl.F_SETOWN, -group)
            fcntl.fcntl(self.theirs, F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(self.theirs, fcntl.F_SETFL, fcntl.fcntl(self.theirs, fcntl.F_GETFL) | os.O_ASYNC)
        os.close(self.theirs)


class NamedPipe:
    """A pipe for records of processes that others start: those inherit variables, and no descriptors.

    It lies in the folder of the code, which on a user's machine is the job's own. Its end comes after ``close``.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "records-%d" % os.getpid())
        os.mkfifo(self.path, 0o600)
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)  # waits for no writer
        self._writer = os.open(self.path, os.O_WRONLY)
        os.set_blocking(self.reader, True)

    def close(self) -> None:
        """Nobody opens it any more."""
        os.close(self._writer)
        os.unlink(self.path)
