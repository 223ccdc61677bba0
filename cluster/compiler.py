"""One call of Go's compiler: its progress is told, and what it leaves half-done is removed."""

from __future__ import annotations

import resource
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}


@dataclass(kw_only=True)
class _Told:
    """What the compiler has told so far: a line for each module that it fetches and each package that it compiles."""

    modules: int = 0
    packages: int = 0

    def take(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self.modules += 1
        else:
            self.packages += 1

    def __str__(self) -> str:
        return f"{self.modules} modules fetched, {self.packages} packages compiled"


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
    told, began, used = _Told(), time.monotonic(), _processor_seconds()
    try:
        commands.run(
            [*command[:-1], "-v", "-o", f"{unfinished}/bin/", command[-1]],
            what=f"building {source.name}",
            progress=progress,
            environment=ENVIRONMENT | {"GOTMPDIR": str(unfinished / "tmp")},
            cwd=source,
            take=told.take,
            state=told.__str__,
        )
        (unfinished / "bin").rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    took = f"{time.monotonic() - began:.0f} s, {_processor_seconds() - used:.0f} s of processor time"
    progress(f"built {source.name} in {took}: {told}")


def _processor_seconds() -> float:
    """Of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
