"""What runs in a cluster and what it costs, seen from the host."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.outside import Cluster

PROC = Path("/proc")
REST = "pods, and what holds them"


def any_named(name: str) -> bool:
    """Whether a program of that name runs on this machine, in whichever cluster."""
    for file in PROC.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended
            if file.read_text().strip() == name:
                return True
    return False


def memory(cluster: Cluster) -> dict[str, int]:
    """Resident bytes of each component by its name, then those of all other processes in there, then their sum."""
    names = components.identities(cluster.layout)
    found = dict.fromkeys(sorted(names.values()), 0) | {REST: 0}
    for inner, size in _inside(cluster.init):
        found[names.get(inner, REST)] += size
    return found | {"together": sum(found.values())}


def _inside(init: int) -> Iterator[tuple[str, int]]:
    """The id that each process of the cluster has inside, and its resident bytes.

    A pod has process namespaces of its own inside the cluster's: what counts is whose ids it has on the way down.
    """
    depth = len(_status(PROC / str(init))["NSpid"].split())
    space = (PROC / str(init) / "ns/pid").readlink()
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, KeyError):  # it may have ended
            status = _status(process)
            ids = status["NSpid"].split()
            if len(ids) >= depth and ((process / "ns/pid").readlink() == space or _below(process, init)):
                yield ids[depth - 1], int(status["VmRSS"].split()[0]) * 1024


def _below(process: Path, init: int) -> bool:
    """Whether it descends from the cluster's first process."""
    while (parent := _status(process)["PPid"]) not in {"0", "1"}:
        if parent == str(init):
            return True
        process = PROC / parent
    return False


def _status(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
