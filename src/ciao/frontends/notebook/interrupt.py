"""Ctrl-C and the stop button, while a cell waits for its job.

ipykernel's own handler does not wake the event loop (ipykernel#881: it was seen to act 14 s late), and around
the run of a cell Python's default handler stands: a SIGINT there raises in the kernel itself, which then never
replies, and the frontend waits for ever. Between the word that it is busy and that run it ignores the signal, and the
cell would go on. So a handler of ours stands for the whole of an execution, and between two of them. From the moment
at which the cell is known it keeps the interrupt for it, in ordinary code it raises as ever, in a job cell it is for
the job, and behind the code it does nothing. Signals reach only the main thread: a job in a subshell is stopped with
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
    early = ""
    """The request that was known, and not yet served, at the last interrupt between two executions."""

    @staticmethod
    def known() -> str:
        """The request that the kernel knows of now."""
        return ""


def expect_job() -> None:
    """From now to the end of the execution, SIGINT is for the job."""
    if threading.current_thread() is threading.main_thread():
        _Execution.job = True


def guard(shell: InteractiveShell) -> Callable[[], None]:
    """Stand in for Python's default handler in every execution of an ipykernel; return how to stop that."""
    kernel: Any = getattr(shell, "kernel", None)
    stock = getattr(kernel, "pre_handler_hook", None)
    stock_end = getattr(kernel, "post_handler_hook", None)
    if stock is None or stock_end is None:
        return _nothing

    def begin() -> None:
        if not (request := _request(kernel)):
            stock()
            return
        if signal.getsignal(signal.SIGINT) is _on_signal:  # at no moment somebody else's
            kernel.saved_sigint_handler = _on_signal
        else:
            stock()
            _stand_in(kernel)
        _begin(request)

    def end() -> None:
        _Execution.phase = "after"
        stock_end()

    with ExitStack() as undo:
        undo.callback(_stand_back, kernel)
        for name, ours in (("pre_handler_hook", begin), ("post_handler_hook", end)):
            setattr(kernel, name, ours)
            undo.callback(vars(kernel).pop, name, None)
        for event, heard in (("pre_execute", _code_begins), ("post_execute", _code_ends)):
            shell.events.register(event, heard)
            undo.callback(shell.events.unregister, event, heard)
        _Execution.known = staticmethod(lambda: _request(kernel))  # type: ignore[method-assign]  # one kernel a process
        return undo.pop_all().close


def _request(kernel: Any) -> str:
    """The id of the request to execute that is served or about to be; nothing if it is another request."""
    header = kernel.get_parent().get("header", {})
    return str(header.get("msg_id", "")) if header.get("msg_type") == "execute_request" else ""


def _stand_in(kernel: Any) -> None:
    """For Python's handler now, and after this execution for none: what is between two is heard from then on."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_signal)
        if getattr(kernel, "saved_sigint_handler", None) is signal.SIG_IGN:
            kernel.saved_sigint_handler = _on_signal


def _stand_back(kernel: Any) -> None:
    if getattr(kernel, "saved_sigint_handler", None) is _on_signal:
        kernel.saved_sigint_handler = signal.SIG_IGN


def _begin(request: str) -> None:
    _Execution.phase, _Execution.job, _Execution.interrupted = "before", False, False
    _Execution.number += 1
    if request == _Execution.early:
        _keep()


def _code_begins() -> None:
    if threading.current_thread() is threading.main_thread():
        _Execution.phase = "code"


def _code_ends() -> None:
    if threading.current_thread() is threading.main_thread():
        _Execution.phase = "after"


def _on_signal(signum: int, frame: FrameType | None) -> None:
    if _Execution.phase == "code" and not _Execution.job:
        signal.default_int_handler(signum, frame)
    if _Execution.phase == "after":
        _Execution.early = _Execution.known()
    elif _Execution.phase == "before" and not _Execution.interrupted:
        _keep()
    _Execution.interrupted = True


def _keep() -> None:
    """Give the interrupt to the code, which has not begun."""
    _Execution.interrupted = True
    threading.Timer(AGAIN, _give_again, (_Execution.number,)).start()


def _give_again(number: int) -> None:
    if number == _Execution.number and _Execution.phase == "before":
        _keep()
    elif number == _Execution.number and _Execution.phase == "code":
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
