"""Free TCP ports for a job's replicas, reserved by lock files.

A port that is only probed may be taken by the next job a moment later. So each is locked by a file, and the lock is
handed to the supervisor as an open file: it lasts exactly as long as the job. The range lies below the ephemeral
ports of Linux (from 32768) and macOS (from 49152), and below Kubernetes' node ports (from 30000).
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import CreateRefused
from ciao.home import make_private

__all__ = ["Reservation", "lock_file", "reserve"]

FIRST, LAST = 20000, 29999


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Ports, and the open locks that hold them. Whoever has the descriptors open has the ports."""

    ports: tuple[int, ...]
    locks: tuple[int, ...]

    def release(self) -> None:
        """Close this process's copies of the locks."""
        for lock in self.locks:
            os.close(lock)


def reserve(count: int, *, folder: Path) -> Reservation:
    """Take ``count`` ports that nothing listens on and no other job of this user has.

    Raises CreateRefused when there are not that many, OSError if the lock files cannot be written.
    """
    make_private(folder)
    ports: list[int] = []
    locks: list[int] = []
    start = random.randrange(FIRST, LAST)
    try:
        for candidate in (*range(start, LAST + 1), *range(FIRST, start)):
            if len(ports) == count:
                break
            lock = lock_file(folder / f"{candidate}.lock")
            if lock is None:
                continue
            locks.append(lock)
            if _free(candidate):
                ports.append(candidate)
            else:
                os.close(locks.pop())
    except OSError:
        Reservation(ports=tuple(ports), locks=tuple(locks)).release()
        raise
    reservation = Reservation(ports=tuple(ports), locks=tuple(locks))
    if len(ports) < count:
        reservation.release()
        raise CreateRefused(
            f"only {len(ports)} of {count} TCP ports between {FIRST} and {LAST} are free",
            hint="End other jobs (`%ciao jobs`), then run the cell again",
        )
    return reservation


def lock_file(path: Path) -> int | None:
    """The open lock; None if another job has it. OSError if there are no locks on this disk."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return fd


def _free(port: int) -> bool:
    """Nobody listens: neither on every address, nor (macOS tells these apart) on the one that replicas use."""
    for host in ("127.0.0.1", ""):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
