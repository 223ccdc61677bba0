"""Shows the exception that nobody caught, as Python does, and tells which lines that were.

Loaded only once the user's code has failed.
"""

from __future__ import annotations

import sys

from .patience import Late, Patience
from .record import shown_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

MAX_SHOWN = 512_000
"""Characters: a longer traceback is not held back by whoever shows the log, so nobody need know it."""

PATIENCE = 10.0
"""Seconds for Python's own display, most of which is a ``__str__`` of the user's."""


def show(error: BaseException, *, told: str, mine: bool) -> str:
    """The record of what was shown; empty if somebody else than Python itself did it, or this process has no say.

    ``told`` is the record of the error itself.
    """
    stderr = getattr(sys, "stderr", None)
    if stderr is None or sys.excepthook is not sys.__excepthook__ or not mine:
        _display(error)
        return ""
    copying = _Copying(stderr)
    sys.stderr = copying
    try:
        with Patience(PATIENCE):
            _display(error)
    except Late:  # in the moment after it
        pass
    finally:
        sys.stderr = stderr
    try:
        return shown_line("".join(copying.texts or ()), told)
    except BaseException:  # noqa: BLE001  # no memory: then nobody knows which lines these were, and all are shown
        return ""


class _Copying:
    """Standard error that also keeps what is written through it, as long as that is short; None if it was not."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._room = MAX_SHOWN
        self.texts: Optional[List[str]] = []

    def write(self, text: str) -> None:
        self._stream.write(text)
        try:
            self._room -= len(text)
            if self.texts is not None and self._room >= 0:
                self.texts.append(text)
            else:
                self.texts = None
        except BaseException:  # noqa: BLE001  # no memory: what matters is that it was written
            self.texts = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _display(error: BaseException) -> None:
    """What Python's top level does with an exception: the user's hook if there is one, else a traceback."""
    traceback = error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
    setattr(sys, "last_exc", error)  # noqa: B010  # from 3.12 on; the checks run as 3.11
    try:
        sys.excepthook(type(error), error, traceback)
    except SystemExit:
        raise
    except BaseException as second:  # noqa: BLE001  # the hook is the user's
        BaseException.with_traceback(second, _users_part(second.__traceback__))
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(second), second, second.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, traceback)


def _users_part(traceback: Any) -> Any:
    """Without our own frame."""
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    return traceback
