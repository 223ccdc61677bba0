"""The ends of jobs that their cells had let go of: each is told in one line, once, where it disturbs nobody.

A notebook is told at the head of the next cell that is run, and a terminal before its next prompt: what is printed at
any other moment would be lost, or move what is being typed.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from ciao.frontends.notebook.untold import Untold

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from ciao.model import Job
    from ciao.session import Session

__all__ = ["Endings"]

PATIENCE = 1.0
"""Seconds that the end of a kernel's first cell waits for what became of the jobs of the kernel before."""

EVERY = 10.0
"""Seconds between two looks at jobs of the kernel before that still run."""


class Endings:
    """Of one kernel. ``keep``, ``drop`` and ``add`` may be called in any thread."""

    def __init__(
        self, folder: Path, session: Callable[[], Session], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._clock = session, clock
        self._untold = Untold(folder)
        self._pending: list[tuple[str, str]] = []
        self._own: set[str] = set()
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._inherited: set[str] = set()
        self._asked: Future[dict[str, str]] | None = None
        self._asked_at: float | None = None

    def keep(self, job: Job) -> None:
        """It is to be told how this job ends, by this kernel or the next."""
        self._own.add(job.name)
        self._untold.keep(job.name, job.notebook)

    def drop(self, job: str) -> None:
        """That is not needed any more, though its end may be added yet: whoever watches it may be slower."""
        with self._lock:
            self._known.add(job)
            self._pending = [one for one in self._pending if one[0] != job]
        self._inherited.discard(job)
        self._untold.drop(job)

    def told(self, text: str) -> None:
        """The user ended or removed the jobs that are named here."""
        for job in self._own | self._inherited:
            if job in text:
                self.drop(job)

    def add(self, job: str, words: str) -> None:
        """It ended."""
        with self._lock:
            if job not in self._known:
                self._pending.append((job, words))

    def inherit(self, notebook: str) -> None:
        """Before the first cell: find out what became of the jobs of a kernel that is gone."""
        self._inherited.update(self._untold.inherit(notebook))
        self._ask()

    def wait(self) -> None:
        """After the first cell: that is known in a moment, if at all."""
        if self._asked is not None:
            from concurrent.futures import wait

            wait([self._asked], timeout=PATIENCE)

    def tell(self) -> None:
        """Say what is known now, each once."""
        self._hear()
        with self._lock:
            pending, self._pending = self._pending, []
        for job, words in pending:
            self._untold.drop(job)
            if words:
                sys.stdout.write(f"{words}\n")
        if self._inherited and self._asked_at is not None and self._clock() - self._asked_at >= EVERY:
            self._ask()

    def _ask(self) -> None:
        if not self._inherited or self._asked is not None:
            return
        from ciao.errors import CiaoError
        from ciao.frontends.notebook import notices

        self._asked_at = self._clock()
        try:
            session = self._session()
            self._asked = session.engine.call(notices.ended(session, tuple(self._inherited)))
        except CiaoError:
            return  # settings that cannot be read: whoever needs them is told in full

    def _hear(self) -> None:
        if self._asked is None or not self._asked.done():
            return
        asked, self._asked = self._asked, None
        if asked.exception() is None:
            for job, words in asked.result().items():
                if job in self._inherited:
                    self._inherited.discard(job)
                    self.add(job, words)
