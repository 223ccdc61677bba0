"""Ctrl-C and the stop button, while a cell waits for its job.

ipykernel's own handler does not wake the event loop (ipykernel#881: it was seen to act 14 s late), and around
the run of a cell Python's default handler stands: a second SIGINT there would raise in the kernel itself, which
then never replies. So a handler of ours stands from the moment a job cell is recognised to the end of its
request. Signals reach only the main thread: a job in a subshell is stopped with ``%ciao cancel``.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any, Self

__all__ = ["Interrupt", "expect_job", "guard", "release"]


class _Request:
    """What the request that is being served expects of SIGINT."""

    job = False
    interrupted = False


def expect_job() -> None:
    """From now to the end of the request, SIGINT is for the job and never raises in the kernel."""
    if threading.current_thread() is threading.main_thread():
        _Request.job = True


def guard(kernel: Any) -> None:
    """Stand in for Python's default handler in each request of an ipykernel; anything else is left alone."""
    if "pre_handler_hook" in vars(kernel) or not hasattr(kernel, "pre_handler_hook"):
        return
    stock = kernel.pre_handler_hook

    def begin() -> None:
        _Request.job = _Request.interrupted = False
        stock()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _on_request)

    kernel.pre_handler_hook = begin


def release(kernel: Any) -> None:
    """Undo :func:`guard`."""
    vars(kernel).pop("pre_handler_hook", None)


def _on_request(signum: int, frame: FrameType | None) -> None:
    if not _Request.job:
        signal.default_int_handler(signum, frame)
    _Request.interrupted = True


class Interrupt:
    """SIGINT between ``__enter__`` and ``__exit__``. The first counts; more are harmless."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._before: Any = None
        self._ours = threading.current_thread() is threading.main_thread()
        self.asked: asyncio.Future[None] = self._loop.create_future()
        self.hit = False

    def __enter__(self) -> Self:
        if self._ours:
            self._before = signal.signal(signal.SIGINT, self.strike)
            if _Request.interrupted:
                self.strike()
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)

    def strike(self, *_: object) -> None:
        """There is an interrupt. It is acted on at the next step of the loop."""
        if not self.hit:
            self.hit = True
            self._loop.call_soon_threadsafe(self._wake)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was one."""
        if self.hit:
            raise KeyboardInterrupt

    def _wake(self) -> None:
        if not self.asked.done():
            self.asked.set_result(None)
