"""A crash of the interpreter's own end, when the cell's code is done: libraries tear down threads and memory there.

PyTorch's, for one, now and then abort with "terminate called without an active exception". The cell's process tells
that all code was done, functions of atexit and other threads with it; a crash behind that is told in the log, and the
replica has succeeded. Imported by the local backend's supervisor, too: standard library only, and little of it.
"""

from __future__ import annotations

import signal

__all__ = ["last_words"]

CRASHES = frozenset((signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL))
"""A process does that to itself; SIGKILL and SIGTERM are somebody else's will."""


def last_words(status: int) -> bytes:
    """The line for the log of a process whose code was done, and which then ended so; empty if that was no crash.

    ``status`` is negative for a signal.
    """
    if -status not in CRASHES:
        return b""
    name = signal.Signals(-status).name
    return b"ciao: %s while Python ended, when the code was done: the replica has succeeded\n" % name.encode()
