"""A component: one program of the cluster, its log, and when it counts as ready."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.errors import ComponentFailed
from cluster.readiness import TRY_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cluster.readiness import Probe


@dataclass(frozen=True, kw_only=True)
class Component:
    """What to start, and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60


@dataclass(frozen=True, kw_only=True)
class Running:
    """A component that was started."""

    component: Component
    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def wait(self, progress: Callable[[str], None]) -> None:
        """Until it is ready.

        Raises:
            ComponentFailed: it ended, or its time is over; with the end of its log.
        """
        name, seconds = self.component.name, self.component.seconds
        while not self.component.ready():
            if (code := self.process.poll()) is not None:
                raise ComponentFailed(name, f"ended with {code} before it was ready", log=self.log)
            if time.monotonic() > self.began + seconds:
                raise ComponentFailed(name, f"was not ready after {seconds:.0f} s", log=self.log)
            time.sleep(TRY_EVERY)
        progress(f"{name} ready after {time.monotonic() - self.began:.1f} s")


def start(component: Component, *, environment: Mapping[str, str], logs: Path) -> Running:
    """Start it, with all that it writes in one log file."""
    log = logs / f"{component.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            component.command,
            env={**environment, **component.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Running(component=component, process=process, log=log, began=time.monotonic())
