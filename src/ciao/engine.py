"""The one thread and event loop in which all jobs live.

A cell of ordinary Python blocks the kernel's own loop; jobs must go on meanwhile. So nothing here runs on the
kernel's loop, and listeners are called in the engine's thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from ciao.errors import EngineError
from ciao.model import Event, Finished, Outcome

__all__ = ["Engine", "Listener", "Run"]

T = TypeVar("T")

Listener = Callable[[Event], None]
"""Told of every event, in the engine's thread. It must be quick. If it raises, the run ends with its error and the job
goes on: whoever listens can be wrong, the training cannot help it."""


class Engine:
    """Runs jobs. The thread starts with the first one and is a daemon: jobs do not need it to live on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._pending: set[concurrent.futures.Future[Any]] = set()

    def run(self, events: AsyncGenerator[Event, None], listener: Listener) -> Run:
        """Start to consume ``events`` in the engine; return at once."""
        run = Run(self._started(), events, listener)
        self._remember(run.done)
        return run

    def call(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run one coroutine in the engine, for example a backend's answer to a command."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._started())
        except EngineError:
            work.close()
            raise
        self._remember(future)
        return future

    def close(self) -> None:
        """Stop the thread; jobs go on without it, and those who wait for anything are told that it has stopped.

        For those who outlive their engine: a kernel does not.
        """
        if self._loop is not None and self._thread is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            _let_go(self._loop)
            for future in tuple(self._pending):
                future.set_exception(EngineError("the engine has stopped", hint="Jobs go on: `%ciao jobs`"))

    def _remember(self, future: concurrent.futures.Future[Any]) -> None:
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="ciao-engine", daemon=True)
                self._thread.start()
            elif self._loop.is_closed() or self._thread is None or not self._thread.is_alive():  # or in a forked child
                raise EngineError("the engine has stopped", hint="Restart the kernel; jobs go on")
            return self._loop


class Run:
    """One consumption of a pipeline's events.

    ``done`` resolves to the job's outcome, or to the exception that kept it from starting; it is resolved after
    the listener was told of the last event. A run that let go of its job resolves to None.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, events: AsyncGenerator[Event, None], listener: Listener
    ) -> None:
        self._loop = loop
        self._task: asyncio.Task[Outcome | None] | None = None
        self.done: concurrent.futures.Future[Outcome | None] = concurrent.futures.Future()
        self.done.set_running_or_notify_cancel()  # who waits for it may stop to, but not cancel it for the others
        loop.call_soon_threadsafe(self._start, events, listener)

    def cancel(self) -> None:
        """Ask for the end of the run, at whatever stage it is; returns at once. A second call cuts cleaning short."""
        with contextlib.suppress(RuntimeError):  # the engine was closed
            self._loop.call_soon_threadsafe(self._cancel)

    def _start(self, events: AsyncGenerator[Event, None], listener: Listener) -> None:
        self._task = self._loop.create_task(_consume(events, listener))
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._loop.call_soon(self._task.cancel)  # after its first step: before, its pipeline could not tell an end

    def _finish(self, task: asyncio.Task[Outcome | None]) -> None:
        if task.cancelled():
            self.done.set_result(None)
        elif (error := task.exception()) is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(task.result())


async def _consume(events: AsyncGenerator[Event, None], listener: Listener) -> Outcome | None:
    outcome = None
    try:
        async with aclosing(events) as stream:
            async for event in stream:
                listener(event)
                if isinstance(event, Finished):
                    outcome = event.outcome
    except (SystemExit, KeyboardInterrupt) as e:  # asyncio would let it end the thread, and with it all jobs' runs
        raise EngineError(f"a run was left by {type(e).__name__}") from e
    return outcome


def _let_go(loop: asyncio.AbstractEventLoop) -> None:
    """Close what a stopped loop leaves unfinished, without a cancellation: that would end the jobs."""
    loop.set_exception_handler(lambda *_: None)  # it would say that tasks were destroyed: they are meant to be
    for task in asyncio.all_tasks(loop):
        coroutine = task.get_coro()
        if coroutine is not None:
            with contextlib.suppress(RuntimeError):  # it waits again
                coroutine.close()
    loop.close()
