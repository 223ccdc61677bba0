"""Paths that programs insist on: each cluster mounts something of its own there. The empty folders are the host's."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import controllers, layout, locks

if TYPE_CHECKING:
    from collections.abc import Iterator

KUBELET = Path("/var/lib/kubelet")
LOGS = Path("/var/log/containers")
"""Where the kubelet links to the logs."""
POINTS = (controllers.CERTIFICATES, KUBELET, LOGS)


@contextlib.contextmanager
def points() -> Iterator[None]:
    """The folders are there, and nobody removes them within this block, in which they are mounted on."""
    with _alone():
        for path in POINTS:
            path.mkdir(parents=True, exist_ok=True)
        yield


def remove_empty() -> None:
    """Those that no cluster uses: to remove one would end the mount of another cluster on it."""
    with _alone():
        used = _used()
        for path in POINTS:
            if str(path) not in used:
                with contextlib.suppress(OSError):  # not empty, or not there
                    path.rmdir()


def _alone() -> contextlib.AbstractContextManager[None]:
    return locks.held(layout.cache() / "mounts.lock", what="folders are mounted", progress=lambda _line: None)


def _used() -> set[str]:
    """What is mounted on, in the mount namespace of any process."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):  # it has ended
            found |= {line.split()[4] for line in file.read_text().splitlines()}
    return found
