"""Whether a job still moves, as far as its events tell. Pure: nothing here looks at a clock.

A job stands still when for a while no replica has written a line or changed its state, though none waits to start:
who waits has a reason that is told already. Or one replica stands while the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from ciao.logs.pace import Behind, Paces
from ciao.model import Attempt, Created, Event, Finished, Lines, ReplicaChanged, ReplicaState

__all__ = ["Standstill", "Still", "span"]


@dataclass(frozen=True, kw_only=True)
class Still:
    """No line from anybody since a time; so many replicas run."""

    since: float
    running: int


class Standstill:
    """Sees every event of one job, with its time in seconds of any clock. ``patience`` is how long is too long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._states: dict[str, ReplicaState] = {}
        self._all = 0
        self._news = 0.0
        self._looked = -patience
        self._still: Still | None = None
        self._behind: dict[str, Behind] = {}
        self._told: list[Still | Behind] = []
        self._paces = Paces()
        self.job = ""
        self.label = ""
        self.over = False

    @property
    def running(self) -> set[str]:
        """The replicas that run."""
        return {name for name, state in self._states.items() if state is ReplicaState.RUNNING}

    def see(self, event: Event, now: float) -> str:
        """Words, if something goes on that was told to stand; else nothing."""
        match event:
            case Lines():
                return self._lines({line.replica: line.text for line in event.lines}, now)
            case ReplicaChanged():
                self._states[event.status.replica] = event.status.state
                self._moved(now)
            case Created():
                self.job, self.label = event.job.name, event.job.cell
                self._all = len(event.job.replicas)
                self._moved(now)
            case Attempt():
                self._states.clear()
                self._paces.forget()
                self._behind.clear()
                self._moved(now)
            case Finished():
                self.over = True
        return ""

    def look(self, now: float) -> Still | Behind | None:
        """What stands still now and was not told yet: of each standstill once."""
        if self.over or not self._started():
            return None
        if now - max(self._news, self._looked) > self._patience:
            if self._still is not None:
                return None
            self._still = Still(since=self._news, running=len(self.running))
            return self._still
        behind = self._paces.behind(self.running, now, patience=self._patience)
        if behind is None or behind.replica in self._behind or now - self._looked <= self._patience:
            return None
        self._behind[behind.replica] = behind
        return behind

    def tell(self, found: Still | Behind) -> bool:
        """Whether that is still so; then it is taken as told, and so will be its end."""
        holds = found is self._still if isinstance(found, Still) else found is self._behind.get(found.replica)
        if holds and not self.over and self._started():
            self._told.append(found)
            return True
        return False

    def later(self, found: Still | Behind, now: float) -> None:
        """It was not told after all: look again in a while."""
        self._looked = now
        if isinstance(found, Still):
            self._still = None
        else:
            self._behind.pop(found.replica, None)

    def _started(self) -> bool:
        """Every replica has started, and one runs."""
        waiting = ReplicaState.WAITING in self._states.values()
        return not waiting and len(self._states) >= self._all and bool(self.running)

    def _moved(self, now: float) -> None:
        self._news, self._still = now, None
        self._told = [one for one in self._told if isinstance(one, Behind)]

    def _lines(self, latest: dict[str, str], now: float) -> str:
        silent, still = now - self._news, any(isinstance(one, Still) for one in self._told)
        self._moved(now)
        self._paces.see(latest, now)
        again = [self._behind.pop(name) for name in latest if name in self._behind and self._behind[name].stopped]
        names = [one.replica for one in again if one in self._told]
        self._told = [one for one in self._told if one not in again]
        if still:
            return f"lines come again, after {span(silent)}"
        return f"{', '.join(names)} goes on" if names else ""


def span(seconds: float) -> str:
    """``40 s``, ``5 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
