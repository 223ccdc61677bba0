"""The last line of the replicas that a panel shows, where the cell's stream no longer tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ciao.model import Line

__all__ = ["SHOWN", "Latest"]

SHOWN = 4
"""Replicas of which the last line is shown."""

LONGEST = 1_000
"""Characters that are kept of a line: of a long one the beginning is shown."""


class Latest:
    """The first of a job's replicas, and before them those that failed: the same ones for as long as none fails."""

    def __init__(self, replicas: Sequence[str] = ()) -> None:
        self._shown = list(replicas[:SHOWN])
        self._failed = 0
        self._lines: dict[str, str] = dict.fromkeys(self._shown, "")

    def hear(self, lines: Iterable[Line]) -> None:
        """Take note. Of others than those shown nothing is kept."""
        kept = self._lines
        for line in lines:
            if line.replica in kept and (line.text and not line.text.isspace()):
                kept[line.replica] = line.text[:LONGEST]

    def fail(self, replica: str, reason: str) -> None:
        """One that failed is shown, in the place of one that did not, with its line or else why."""
        if replica in self._lines or self._failed == SHOWN:
            return
        if len(self._shown) == SHOWN:
            del self._lines[self._shown.pop()]
        self._shown.insert(self._failed, replica)
        self._failed += 1
        self._lines[replica] = reason

    @property
    def lines(self) -> dict[str, str]:
        """By the replica, in the order in which they are shown; empty where none has come."""
        return {replica: self._lines[replica] for replica in self._shown}
