"""A command of minutes: it tells every few seconds that it still goes on, and ends with whoever waits for it."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from cluster.locks import TELL_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

SHOWN = 40
"""Lines of its output that an error shows."""


def run(
    command: Sequence[str],
    *,
    what: str,
    progress: Callable[[str], None],
    environment: Mapping[str, str] = MappingProxyType({}),
    cwd: Path | None = None,
    take: Callable[[str], None] = lambda _line: None,
    state: Callable[[], str] = lambda: "",
    gently: bool = False,
) -> None:
    """Run it to its end. `take` is given each line that it writes; `state` says how far it is.

    Ctrl-C kills it with all that it started. `gently` only asks it to end, and waits until it does.

    Raises:
        ClusterError: it failed; with the end of what it wrote.
    """
    last = collections.deque[str](maxlen=SHOWN)
    began = time.monotonic()
    with _until_it_ends(_start(command, cwd=cwd, environment=environment), gently=gently) as process:
        reader = threading.Thread(target=_read, args=(process, (last.append, take)), daemon=True)
        reader.start()
        while _still_runs(process):
            progress(f"{what}:{f' {state()}'.rstrip()} after {time.monotonic() - began:.0f} s")
        reader.join()
    if process.returncode:
        place = f" in {cwd}" if cwd else ""
        shown = "\n".join(last)
        raise ClusterError(f"`{' '.join(command)}`{place} failed with {process.returncode}:\n{shown}")


def _start(command: Sequence[str], *, cwd: Path | None, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", process_group=0,
    )  # fmt: skip


@contextlib.contextmanager
def _until_it_ends(process: subprocess.Popen[str], *, gently: bool) -> Iterator[subprocess.Popen[str]]:
    """If this process is killed instead, its next line meets a closed pipe and ends it."""
    with process:
        try:
            yield process
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT) if gently else os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def _read(process: subprocess.Popen[str], takers: Sequence[Callable[[str], None]]) -> None:
    assert process.stdout  # noqa: S101 - it is a pipe
    for line in process.stdout:
        for take in takers:
            take(line.rstrip("\n"))


def _still_runs(process: subprocess.Popen[str]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=TELL_EVERY)
    return process.returncode is None
