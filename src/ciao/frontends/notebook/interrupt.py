"""Ctrl-C and the stop button, while a cell waits for its job.

ipykernel's own handler does not wake the event loop (ipykernel#881: it was seen to act 14 s late), and around
the run of a cell Python's default handler stands: a SIGINT there raises in the kernel itself, which then never
replies, and the frontend waits for ever. So a handler of ours stands for the whole of an execution. Before the
cell's code it keeps the interrupt for it, in ordinary code it raises as ever, in a job cell it is for the job, and
behind the code it does nothing. Signals reach only the main thread: a job in a subshell is stopped with
``%ciao cancel``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Interrupt", "expect_job", "guard"]

AGAIN = 0.01
"""Seconds after which an interrupt that came before the code is given to it."""


class _Execution:
    """The execution that is served now, or was served last."""

    phase: Literal["before", "code", "after"] = "after"
    number = 0
    job = False
    interrupted = False


def expect_job() -> None:
    """From now to the end of the execution, SIGINT is for the job."""
    if threading.current_thread() is threading.main_thread():
        _Execution.job = True


def guard(shell: InteractiveShell) -> Callable[[], None]:
    """Stand in for Python's default handler in every execution of an ipykernel; return how to stop that."""
    kernel: Any = getattr(shell, "kernel", None)
    stock = getattr(kernel, "pre_handler_hook", None)
    if stock is None:
        return _nothing

    def begin() -> None:
        stock()
        if kernel.get_parent().get("header", {}).get("msg_type") == "execute_request":
            _begin()

    with ExitStack() as undo:
        kernel.pre_handler_hook = begin
        undo.callback(vars(kernel).pop, "pre_handler_hook", None)
        for event, heard in (("pre_execute", _code_begins), ("post_execute", _code_ends)):
            shell.events.register(event, heard)
            undo.callback(shell.events.unregister, event, heard)
        return undo.pop_all().close


def _begin() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_signal)
    _Execution.phase, _Execution.job, _Execution.interrupted = "before", False, False
    _Execution.number += 1


def _code_begins() -> None:
    if threading.current_thread() is threading.main_thread():
        _Execution.phase = "code"


def _code_ends() -> None:
    if threading.current_thread() is threading.main_thread():
        _Execution.phase = "after"


def _on_signal(signum: int, frame: FrameType | None) -> None:
    if _Execution.phase == "code" and not _Execution.job:
        signal.default_int_handler(signum, frame)
    if _Execution.phase == "before" and not _Execution.interrupted:
        threading.Timer(AGAIN, _give_again, (_Execution.number,)).start()
    _Execution.interrupted = True


def _give_again(number: int) -> None:
    if number == _Execution.number and _Execution.phase != "after":
        os.kill(os.getpid(), signal.SIGINT)


def _nothing() -> None:
    pass


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
            if _Execution.interrupted:
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
