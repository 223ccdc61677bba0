"""Whether the machine, or the container in which all of this runs, had no memory left and killed somebody.

Linux counts that for the control group in which our processes are, or else for the whole machine, and tells no one but
root who it was. Imported by the supervisor, which starts with every job: standard library only, and little of it.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Exhaustion"]

LAG = 2.0
"""Seconds at least by which the count is older that a death is compared to: a large process takes a while to end."""


class Exhaustion:
    """Compares the count of such kills to that of a while ago."""

    def __init__(self, root: str = "") -> None:
        self._path = next((path for path in _counters(root) if _count(path) is not None), "")
        self._before = self._last = _count(self._path)
        self._at = time.monotonic()

    def look(self) -> None:
        """Forget kills of long ago. Call it often: it does nothing until some time has passed."""
        now = time.monotonic()
        if now > self._at + LAG:
            self._before, self._last, self._at = self._last, _count(self._path), now

    def happened(self) -> bool | None:
        """Somebody was killed lately for want of memory; None where the system does not count."""
        count = _count(self._path)
        return None if count is None or self._before is None else count > self._before


def _counters(root: str) -> Iterator[str]:
    """Files that may have the count, from the narrowest: control groups of version 2, of version 1, the machine."""
    for line in _words(f"{root}/proc/self/cgroup"):
        _, kinds, path = line.decode(errors="replace").split(":", 2)
        if not kinds:
            yield f"{root}/sys/fs/cgroup{path}/memory.events"
        elif "memory" in kinds.split(","):
            yield f"{root}/sys/fs/cgroup/memory{path}/memory.oom_control"
    yield f"{root}/proc/vmstat"


def _count(path: str) -> int | None:
    words = _words(path)
    try:
        return int(words[words.index(b"oom_kill") + 1])
    except (ValueError, IndexError):  # older than Linux 4.13
        return None


def _words(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib costs milliseconds here
            return file.read().split()
    except OSError:
        return []
