"""How much memory and how many cores this machine, or the container around us, has for replicas."""

from __future__ import annotations

import os
from pathlib import Path

from ciao.backends.memory import bytes_of, in_words
from ciao.backends.threads import amount
from ciao.model import JobSpec

__all__ = ["available", "crowded", "lacking"]


def lacking(spec: JobSpec, *, room: int | None) -> str:
    """What to say if the replicas may use more together than there is; nothing if not, or if nobody knows."""
    asked = sum(role.count * (bytes_of(role.resources.memory) or 0) for role in spec.roles)
    if room is None or asked <= room:
        return ""
    return (
        f"the replicas may use {in_words(asked)} of memory together, and {in_words(room)} are free here: "
        "beyond that the system may end any process"
    )


def crowded(spec: JobSpec, *, cores: int) -> str:
    """What to say if the replicas ask for more cores together than there are; nothing if not, or of none known."""
    asked = sum(role.count * (amount(role.resources.cpu) or 0) for role in spec.roles)
    if not cores or asked <= cores:
        return ""
    here = "1 is here: they share it" if cores == 1 else f"{cores} are here: they share them"
    return f"the replicas ask for {asked:g} cores together, and {here}"


def available(root: Path = Path("/")) -> int | None:
    """Bytes that new processes could have; None if the system does not tell. ``root`` is that of the file system."""
    found = [room for room in (_of_machine(root), *_of_groups(root)) if room is not None]
    return max(0, min(found)) if found else None


def _of_machine(root: Path) -> int | None:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:  # no Linux: all that there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _of_groups(root: Path) -> list[int | None]:
    """Of a container, which sees its own control group as the root of all: version 2, then 1."""
    group = root / "sys/fs/cgroup"
    return [
        _left(group / "memory.max", group / "memory.current", group / "memory.stat", b"inactive_file"),
        _left(
            group / "memory/memory.limit_in_bytes",
            group / "memory/memory.usage_in_bytes",
            group / "memory/memory.stat",
            b"total_inactive_file",
        ),
    ]


def _left(limit: Path, usage: Path, stat: Path, idle: bytes) -> int | None:
    """What a group may still use: files that it read count as used, and are dropped when there is need."""
    try:
        most = int(limit.read_bytes())  # without a limit "max", or about 2**63 in version 1
        words = stat.read_bytes().split()
        dropped = int(words[words.index(idle) + 1])
        return most - int(usage.read_bytes()) + dropped
    except (OSError, ValueError, IndexError):
        return None
