"""When a program is ready: each probe asks it once and answers at once."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Probe = Callable[[], bool]

TRY_EVERY = 0.05
"""Seconds between two questions; nothing is waited for without asking."""

PATIENCE = 180.0
"""Seconds for what takes a few on a quiet machine: a busy one may be many times as slow."""


def until(probe: Probe, *, what: str, seconds: float = PATIENCE) -> None:
    """Ask until the answer is yes.

    Raises:
        ClusterError: it was no for so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} within {seconds:.0f} s: still not so.")
        time.sleep(TRY_EVERY)


def http_ok(host: str, port: int, path: str) -> Probe:
    """A GET is answered with 200."""

    def probe() -> bool:
        return _status(http.client.HTTPConnection(host, port, timeout=2), path) == 200

    return probe


def https_ok(host: str, port: int, path: str) -> Probe:
    """The same over TLS. Whose certificate it is does not matter here: nothing is told to it, and it is our child."""
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above

    def probe() -> bool:
        return _status(http.client.HTTPSConnection(host, port, timeout=2, context=context), path) == 200

    return probe


def both(first: Probe, second: Probe) -> Probe:
    """One and the other."""
    return lambda: first() and second()


def listens(host: str, port: int) -> Probe:
    """A TCP connection is taken."""

    def probe() -> bool:
        try:
            socket.create_connection((host, port), timeout=2).close()
        except OSError:
            return False
        return True

    return probe


def succeeds(*command: str) -> Probe:
    """A command ends with 0."""
    return lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0


def socket_at(path: Path) -> Probe:
    """A Unix socket takes connections."""

    def probe() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    return probe


def says(log: Path, words: str) -> Probe:
    """A program that is about to start has written these words once more into a log, which is appended to."""

    def count() -> int:
        return log.read_text(errors="replace").count(words) if log.exists() else 0

    before = count()
    return lambda: count() > before


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
