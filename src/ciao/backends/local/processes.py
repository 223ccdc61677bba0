"""Which processes belong to which replica, and how much memory they have, as Linux tells it in ``/proc``.

Imported by the supervisor, and only for a job that asked for memory: standard library only, and little of it.

Memory is what a cluster would count and could not take back: anonymous and shared memory, and what of it was swapped
out. Pages of files are not among it, however large the file that is mapped: the system drops them when it needs room.
What several processes share, as those of a data loader do, counts once.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["Family", "measurable", "used"]

PAGE = os.sysconf("SC_PAGE_SIZE")
READ_BYTES = 16 * 1024


class Family:
    """The processes of each replica of a job, known by the process id of its first, the root.

    A process belongs where its parent does, or who leads its group or session. One that the supervisor inherited tells
    its replica by the environment that it was started with.
    """

    def __init__(self, job: str, roots: Mapping[str, int]) -> None:
        self._job = job
        self._roots = dict(roots)
        self._root_of = {pid: pid for pid in roots.values()}
        self._seen: set[int] = set()
        self._newest = b""

    def members(self, root: int) -> list[int]:
        """All processes of the replica, those included that it started since the last call."""
        newest = _read("/proc/loadavg").rpartition(b" ")[2]
        if newest != self._newest or not newest:  # its last word is the newest process or thread of the system
            self._newest = newest
            self._look()
        return [pid for pid, of in self._root_of.items() if of == root]

    def _look(self) -> None:
        there = {int(name) for name in os.listdir("/proc") if name.isdecimal()}  # noqa: PTH208  # pathlib costs milliseconds here
        self._root_of = {pid: root for pid, root in self._root_of.items() if pid in there}
        fresh, self._seen = there - self._seen, there
        for pid in sorted(fresh - self._root_of.keys()):  # a parent before its children
            if (root := self._belongs(pid)) is not None:
                self._root_of[pid] = root

    def _belongs(self, pid: int) -> int | None:
        words = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split(None, 4)
        if len(words) < 4:
            return None  # it has ended
        parent, group, session = map(int, words[1:4])
        for relative in (parent, session, group):
            if (root := self._root_of.get(relative)) is not None:
                return root
        return self._told(pid) if parent in (1, os.getpid()) else None

    def _told(self, pid: int) -> int | None:
        """By its environment, which only its own user may read."""
        words = set(_read(f"/proc/{pid}/environ", whole=True).split(b"\0"))
        if f"CIAO_JOB={self._job}".encode() not in words:
            return None
        return next((pid for name, pid in self._roots.items() if f"CIAO_REPLICA={name}".encode() in words), None)


def measurable() -> bool:
    """This system tells what processes use."""
    return b"RssAnon:" in _read("/proc/self/status") and bool(_read("/proc/loadavg"))


def used(pids: Collection[int], *, limit: int) -> int:
    """Bytes that these processes use together: exact only beyond the limit, else an upper bound that is within it.

    To count what is shared once, the system walks through all of the pages, which takes tens of milliseconds for a
    gigabyte. So the cheap questions come first, whose answers are never less.
    """
    total = 0
    for measure in _measures():
        if (total := _sum(measure, pids)) <= limit:
            break
    return total


def _measures() -> tuple[Callable[[int], int], ...]:
    """From cheap to exact. The first does not see what was swapped out."""
    swaps = _read("/proc/swaps").count(b"\n") > 1
    return (_unbacked, _shares) if swaps else (_resident, _unbacked, _shares)


def _sum(measure: Callable[[int], int], pids: Iterable[int]) -> int:
    return sum(map(measure, pids))


def _resident(pid: int) -> int:
    """All that is in memory, pages of files too."""
    words = _read(f"/proc/{pid}/statm").split(None, 2)
    return int(words[1]) * PAGE if len(words) > 1 else 0


def _unbacked(pid: int) -> int:
    """What no file backs, as if nobody shared it."""
    return _fields(_read(f"/proc/{pid}/status"), (b"RssAnon:", b"RssShmem:", b"VmSwap:"))


def _shares(pid: int) -> int:
    """The same, with the process's share of what it shares; where the system does not tell that, the former."""
    told = _read(f"/proc/{pid}/smaps_rollup")
    return _fields(told, (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")) if b"Pss_Anon:" in told else _unbacked(pid)


def _fields(told: bytes, names: tuple[bytes, ...]) -> int:
    return 1024 * sum(int(line.split()[1]) for line in told.splitlines() if line.startswith(names))


def _read(path: str, *, whole: bool = False) -> bytes:
    """What stands there; nothing if it is gone, or not for us."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(fd, READ_BYTES)
            while whole and (more := os.read(fd, READ_BYTES)):
                data += more
        finally:
            os.close(fd)
    except OSError:
        return b""
    return data.rstrip(b"\n") if path == "/proc/loadavg" else data
