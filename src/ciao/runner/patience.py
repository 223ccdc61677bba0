"""An end to what the user's objects do while their exception is told: a ``__str__`` may wait for ever."""

from __future__ import annotations

import faulthandler
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

AGAIN = 0.5
"""Seconds after which whoever has caught the first exception gets another."""

WITHOUT_PYTHON = 60
"""Seconds after which the process ends by itself, with its stack in the log: it waits in C, and hears nothing."""


class Late(BaseException):
    """Raised into what takes too long."""


class Patience:
    """A context in which the main thread gets a Late once it has been there for so many seconds, and then again.

    Another thread, or a system without such a timer, has no limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._set = False

    def __enter__(self) -> None:
        try:
            signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self._seconds, AGAIN)
            self._set = True
            faulthandler.dump_traceback_later(WITHOUT_PYTHON, exit=True, file=2)
        except (AttributeError, OSError, RuntimeError, ValueError):  # not the main thread, no standard error
            pass

    def __exit__(self, *_: object) -> None:
        if self._set:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        faulthandler.cancel_dump_traceback_later()

    def _ring(self, *_: object) -> NoReturn:
        raise Late
