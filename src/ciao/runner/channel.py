"""Where the cell's process sends its records. Loaded before the user's code, so it loads nothing else."""

from __future__ import annotations

import os
import sys

from . import FRAME, RECORD_FD, RECORDS


class Channel:
    """Where records go: a file descriptor, or standard output, there as framed lines.

    A framed line may stand in the middle of a line if the cell wrote an unfinished one before.
    Only the process that made the channel writes: a child that the cell forked may run into the same code.
    """

    def __init__(self, fd: int | None, *, shared: bool = False) -> None:
        self._fd = fd
        self._shared = shared
        self._pid = os.getpid()
        self.last = ""
        """The newest record that was sent."""

    @classmethod
    def of_environment(cls) -> Channel:
        """The channel that CIAO_RECORD_FD names. The variable goes, children do not get the descriptor.

        A program that starts us hands no descriptors on: CIAO_RECORDS then is a pipe by its path, which others share.
        """
        path = os.environ.pop(RECORDS, "")
        if path:
            try:
                fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # waits for no reader
                os.set_blocking(fd, True)
            except OSError:
                return cls(None)
            return cls(fd, shared=True)
        try:
            fd = int(os.environ.pop(RECORD_FD, ""))
            os.set_inheritable(fd, False)  # noqa: FBT003  # its only form
        except (ValueError, OSError):
            return cls(None)
        return cls(fd)

    @property
    def mine(self) -> bool:
        """This process is the one that made the channel."""
        return os.getpid() == self._pid

    @property
    def own(self) -> bool:
        """Nobody else writes into it, and its reader sees how this process ends."""
        return self._fd is not None and not self._shared

    def send(self, record: str) -> None:
        """Write one record. What cannot be written is lost: the reader is gone."""
        self.last = record
        try:
            if self._fd is None:
                sys.stdout.flush()
                record = FRAME + record
            data = memoryview((record + "\n").encode("ascii"))
            if self._shared:
                self._lock()
            while data:
                data = data[os.write(1 if self._fd is None else self._fd, data) :]
        except Exception:  # noqa: BLE001, S110  # whatever happens here, the user's error must be shown
            pass
        if self._shared:
            self._lock(free=True)

    def _lock(self, *, free: bool = False) -> None:
        """A record that is longer than what a pipe takes at once would mix with another's."""
        import fcntl

        fcntl.flock(self._fd, fcntl.LOCK_UN if free else fcntl.LOCK_EX)  # type: ignore[arg-type]  # shared is never None
