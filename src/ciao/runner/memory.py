"""How often the kernel killed a process of this container for want of memory, by the container's own control group.

A container runtime hears of that by an event, which is lost if the container ends in the same moment; what the kernel
has counted stays. https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events), cgroup-v1/memory.html
"""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
"""Where a container sees its own group, as the first process of it."""

_COUNTED = ("memory.events", os.path.join("memory", "memory.oom_control"))  # of version 2, of version 1


def oom_kills(root: str = ROOT) -> int:
    """Since the container began; zero too if that cannot be read."""
    for name in _COUNTED:
        try:
            with open(os.path.join(root, name), encoding="ascii") as file:
                counted = dict(line.split() for line in file)
            return int(counted["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return 0
