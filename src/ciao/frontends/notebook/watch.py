"""One run as its cell sees it: what happened goes to a screen, and from there to the cell's outlet."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from ciao.frontends.display import failure
from ciao.frontends.notebook.outlet import Outlet, wants_colour
from ciao.model import Created, Event, Finished, Job, Notice, Outcome, Phase

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ciao.engine import Run
    from ciao.frontends.display.panel import Status
    from ciao.frontends.display.status import Stage
    from ciao.frontends.display.traceback import CellSource
    from ciao.frontends.notebook.endings import Endings
    from ciao.frontends.notebook.interrupt import Interrupt

__all__ = ["Watch"]

TICK = 0.03
"""Least seconds between two looks at what there is to draw."""

SHUTDOWN_FOLLOWS = 0.5
"""Seconds after an interrupt within which a shutdown may still ask that the job go on."""

STATUS_PERIOD = 0.5
"""Seconds between two looks at the status of a job that its cell has let go of."""


class Watch:
    """Belongs to one cell. ``listen`` is called in the engine's thread, all else in the cell's.

    ``endings`` are told of a job that the cell made, and may let go of.
    """

    run: Run

    def __init__(
        self,
        shell: InteractiveShell,
        interrupt: Interrupt,
        *,
        where: str,
        fold: bool = True,
        alike: bool = True,
        endings: Endings | None = None,
    ) -> None:
        from ciao.frontends.display.screen import Screen

        self._shell = shell
        self._interrupt = interrupt
        self._colour = wants_colour(shell)
        self._screen = Screen(where=where, colour=self._colour, fold=fold, alike=alike)
        self._outlet = Outlet(shell)
        self._loop = asyncio.get_running_loop()
        self._created: asyncio.Future[None] = self._loop.create_future()
        self._endings = endings
        self._job: Job | None = None
        self._stage: Stage | None = None

    @property
    def job_name(self) -> str:
        """The job's name, or words for it while it has none."""
        return self._job.name if self._job else "the job"

    @property
    def made_by(self) -> str:
        """The label of the cell that made the job."""
        return (self._job.cell if self._job else "") or "the cell"

    def listen(self, event: Event) -> None:
        """Take an event."""
        self._screen(event)
        if isinstance(event, Created):
            self._job = event.job
            if self._endings is not None:
                self._endings.keep(event.job)
            self._loop.call_soon_threadsafe(self._creation)  # the screen knows it by then

    def expect(self, news: Future[Notice | None]) -> None:
        """Take a notice that others found out, if they did."""
        if not news.cancelled() and news.exception() is None and (notice := news.result()) is not None:
            self.listen(notice)

    async def drawn(self, *, until_created: bool = False) -> None:
        """Draw until the run is done, the user interrupts, or (if asked) the job exists."""
        done = asyncio.wrap_future(self.run.done)
        done.add_done_callback(_seen)
        ends: set[asyncio.Future[Any]] = {done, self._interrupt.asked, *([self._created] if until_created else [])}
        while not any(end.done() for end in ends):
            try:
                await asyncio.wait(ends, timeout=max(TICK, self._screen.tick), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self._cancelled()
            self._draw()

    def finish(self, source: CellSource, *, raises: bool = True) -> None:
        """Write the rest of a run that is done; raise why it failed."""
        self._conclude()
        self._forget()
        self.close()
        outcome = self.run.done.result()
        if outcome is not None and raises:
            error = failure.of_outcome(outcome, source, job=self.job_name, colour=self._colour)
            if error is not None:
                raise error

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self._outlet.write(text)

    def let_go(self, *, cancel: bool = False) -> None:
        """End the cell's stream for good; its panel goes on until the run is done.

        What the line says now may be the last that is written to a file.
        """
        from ciao.frontends.display.status import Stage

        self._stage = Stage("cancelling" if cancel else "background", time.time())
        self.close()
        threading.Thread(target=self._afterwards, args=(cancel,), name="ciao-status", daemon=True).start()

    def _draw(self) -> None:
        self._outlet.draw(self._status(), self._screen.take())

    def close(self) -> None:
        """End the cell's output for good."""
        self._outlet.draw(self._status(), self._screen.close())

    def _creation(self) -> None:
        if not self._created.done():
            self._created.set_result(None)

    def _cancelled(self) -> None:
        """Somebody cancelled our task: the kernel's shutdown lets go of the job, anything else is an interrupt."""
        if getattr(self._shell, "exit_now", False):
            raise asyncio.CancelledError
        self._interrupt.strike()

    def _afterwards(self, cancel: bool) -> None:  # noqa: FBT001  # a thread's arguments have no names
        if cancel and not self._shutting_down():
            self._forget()
            self.run.cancel()
        else:
            self._stage = None  # it goes on, and its panel tells how
        late: Status | None = None
        while not wait([self.run.done], timeout=STATUS_PERIOD).done:
            late = self._shown_while_it_runs(self._status() or late)
        self._conclude()
        if not cancel:
            self._announce()
        if (status := self._status() or late) is not None:
            self._outlet.update(status)

    def _announce(self) -> None:
        """The next cell says how the job ended."""
        outcome = self._screen.outcome
        if self._endings is not None and self._job is not None and outcome is not None:
            from ciao.frontends.notebook.notices import sentence

            self._endings.add(self._job.name, sentence(self._job, outcome, self._screen.began))

    def _forget(self) -> None:
        """The user knows how the job ended, or ended it."""
        if self._endings is not None and self._job is not None:
            self._endings.drop(self._job.name)

    def _shutting_down(self) -> bool:
        """Whether the interrupt only announced a shutdown, or a restart: Jupyter sends one before it asks for them.

        In a terminal it is always Ctrl-C, and whoever typed it may leave at once.
        """
        if not hasattr(self._shell, "kernel"):
            return False
        end = time.monotonic() + SHUTDOWN_FOLLOWS
        while time.monotonic() < end:
            if getattr(self._shell, "exit_now", False):
                return True
            time.sleep(TICK)
        return False

    def _conclude(self) -> None:
        """Give a run that is done without an outcome an end that stays true."""
        from ciao.frontends.display.status import Stage

        error = self.run.done.exception()
        if error is not None and self._job is None:
            self._stage = Stage("refused", time.time())
        elif error is not None:
            self._screen(_end(Phase.LOST, str(error)))
        elif self._screen.outcome is None and self._job is None:
            self._screen(_end(Phase.CANCELLED, ""))

    def _shown_while_it_runs(self, status: Status | None) -> Status | None:
        """What is left to be shown: the end waits until the next cell would tell it, for who sees it may run one."""
        if status is None or self._screen.outcome is not None:
            return status
        self._outlet.update(status)
        return None

    def _status(self) -> Status | None:
        return self._screen.status(self._stage)


def _end(phase: Phase, message: str) -> Finished:
    return Finished(outcome=Outcome(phase=phase, ended=time.time(), message=message))


def _seen(done: asyncio.Future[Outcome | None]) -> None:
    """Look at the exception, or asyncio complains when a cell let go of its run."""
    if not done.cancelled():
        done.exception()
