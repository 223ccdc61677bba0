"""One call of Go's compiler: its progress is told, and what it leaves half-done is removed."""

from __future__ import annotations

import collections
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from cluster.locks import TELL_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
DOWNLOAD = "go: downloading "
SHOWN = 40
"""Lines of the compiler's output that an error shows."""


@dataclass(kw_only=True)
class _Told:
    """What the compiler has told so far: a line for each module that it fetches and each package that it compiles."""

    modules: int = 0
    packages: int = 0
    last: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=SHOWN))

    def take(self, line: str) -> None:
        self.last.append(line)
        if line.startswith(DOWNLOAD):
            self.modules += 1
        else:
            self.packages += 1


def build(command: Sequence[str], *, source: Path, target: Path, progress: Callable[[str], None]) -> None:
    """Run `go build`, so that `target` is a folder with all of its programs, or does not exist.

    The caller holds a lock: what others left beside `target` is a wreck.

    Raises:
        ClusterError: the compiler failed; with the end of what it said.
    """
    for wreck in target.parent.glob(f"{source.name}-*.*"):
        shutil.rmtree(wreck)
    unfinished = target.with_name(f"{target.name}.unfinished")
    (unfinished / "tmp").mkdir(parents=True)
    began, used = time.monotonic(), _cpu_seconds()
    try:
        call = [*command[:-1], "-v", "-o", f"{unfinished}/bin/", command[-1]]
        told = _run(call, source=source, temporary=unfinished / "tmp", progress=progress)
        (unfinished / "bin").rename(target)
    finally:
        shutil.rmtree(unfinished)
    took = f"in {time.monotonic() - began:.0f} s, {_cpu_seconds() - used:.0f} s of processor time"
    progress(f"built {source.name} {took}: {told.modules} modules fetched, {told.packages} packages compiled")


def _run(command: Sequence[str], *, source: Path, temporary: Path, progress: Callable[[str], None]) -> _Told:
    environment = os.environ | ENVIRONMENT | {"GOTMPDIR": str(temporary)}
    began = time.monotonic()
    with _ended_with_this_block(_start(command, cwd=source, environment=environment)) as process:
        told = _Told()
        reader = threading.Thread(target=_read, args=(process, told), daemon=True)
        reader.start()
        while _still_runs(process):
            counts = f"{told.modules} modules fetched, {told.packages} packages compiled"
            progress(f"building {source.name}: {counts} after {time.monotonic() - began:.0f} s")
        reader.join()
    if process.returncode:
        shown = "\n".join(told.last)
        raise ClusterError(f"`{' '.join(command)}` in {source} failed with {process.returncode}:\n{shown}")
    return told


def _start(command: Sequence[str], *, cwd: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, process_group=0,
    )  # fmt: skip


@contextlib.contextmanager
def _ended_with_this_block(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """With all that it started. If this process is killed instead, its next line meets a closed pipe and ends it."""
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _read(process: subprocess.Popen[str], told: _Told) -> None:
    assert process.stdout  # noqa: S101 - it is a pipe
    for line in process.stdout:
        told.take(line.rstrip("\n"))


def _still_runs(process: subprocess.Popen[str]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=TELL_EVERY)
    return process.returncode is None


def _cpu_seconds() -> float:
    """Of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
