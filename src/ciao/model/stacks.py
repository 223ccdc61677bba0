"""Where the processes of a job stand, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from ciao.model.failure import Frame

__all__ = ["Standing", "Thread"]


@dataclass(frozen=True, kw_only=True)
class Thread:
    """The frames of one thread, outermost first; without those of the runner. ``cut``: there are more outside."""

    frames: tuple[Frame, ...] = ()
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One process of a replica, as data from a less trusted place.

    ``process`` is its number in the replica, empty if that has only one. The main thread is the first of ``threads``.
    ``silent`` says why it gave no answer; then there are none.
    """

    replica: str
    process: str = ""
    threads: tuple[Thread, ...] = ()
    silent: str = ""

    @property
    def name(self) -> str:
        """``worker-0``, ``worker-0 process 1``."""
        return f"{self.replica} process {self.process}" if self.process else self.replica
