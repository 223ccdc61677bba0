"""The one thread and event loop in which all jobs live.

A cell of ordinary Python blocks the kernel's own loop; jobs must go on meanwhile. So nothing here runs on the
kernel's loop, and listeners are called in the engine's thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from ciao.errors import EngineError
from ciao.model import Event, Finished, Outcome

__all__ = ["Engine", "Listener", "Run"]

T = TypeVar("T")

Listener = Callable[[Event], None]
"""Told of every event, in the engine's thread. It must be quick and must not raise."""


class Engine:
    """Runs jobs. The thread starts with the first one and is a daemon: jobs do not need it to live on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, events: AsyncGenerator[Event, None], listener: Listener) -> Run:
        """Start to consume ``events`` in the engine; return at once."""
        return Run(self._started(), events, listener)

    def call(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run one coroutine in the engine, for example a backend's answer to a command."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def close(self) -> None:
        """Stop the thread; jobs go on without it. For those who outlive their engine: a kernel does not."""
        if self._loop is not None and self._thread is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="ciao-engine", daemon=True)
                self._thread.start()
            elif self._loop.is_closed():
                raise EngineError("the engine has stopped", hint="Restart the kernel; jobs go on")
            return self._loop


class Run:
    """One consumption of a pipeline's events.

    ``done`` resolves to the job's outcome, or to the exception that kept it from starting; it is resolved after
    the listener was told of the last event. A run that was detached resolves to None.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, events: AsyncGenerator[Event, None], listener: Listener
    ) -> None:
        self._loop = loop
        self._task: asyncio.Task[Outcome | None] | None = None
        self._cancelled = False
        self.done: concurrent.futures.Future[Outcome | None] = concurrent.futures.Future()
        loop.call_soon_threadsafe(self._start, events, listener)

    def cancel(self) -> None:
        """Ask for the end of the run, at whatever stage it is; returns at once. A second call cuts cleaning short."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _start(self, events: AsyncGenerator[Event, None], listener: Listener) -> None:
        self._task = self._loop.create_task(_consume(events, listener))
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[Outcome | None]) -> None:
        if task.cancelled():
            self.done.set_result(None)
        elif (error := task.exception()) is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(task.result())


async def _consume(events: AsyncGenerator[Event, None], listener: Listener) -> Outcome | None:
    outcome = None
    async with aclosing(events) as stream:
        async for event in stream:
            listener(event)
            if isinstance(event, Finished):
                outcome = event.outcome
    return outcome
