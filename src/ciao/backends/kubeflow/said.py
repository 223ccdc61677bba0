"""What the cluster said of a job lately: its events, oldest first, those of each pod apart. Pure."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

from ciao.backends.kubeflow.replicas import moment
from ciao.k8s.base import Manifest

__all__ = ["Said", "about"]

MANY, FEW = 200, 20
"""Events that are remembered of the job and what was made for it, and of each pod."""


class _Told(NamedTuple):
    at: float
    uid: object
    event: Manifest


class Said:
    """Costs the same for each event, however many pods there are."""

    def __init__(self) -> None:
        self._of: dict[str, list[_Told]] = {}

    def add(self, event: Manifest) -> None:
        """One that happens again is the same object with a later time."""
        pod = about(event, "Pod")
        told = self._of.setdefault(pod, [])
        new = _Told(_told_at(event), (event.get("metadata") or {}).get("uid", id(event)), event)
        told[:] = [known for known in told if known.uid != new.uid]
        insort(told, new, key=lambda one: one.at)
        del told[: -(FEW if pod else MANY)]

    def of_pod(self, name: str) -> list[Manifest]:
        """Those of one pod."""
        return [told.event for told in self._of.get(name, ())]

    def of_job(self) -> list[Manifest]:
        """All that are of no pod."""
        return self.of_pod("")


def about(event: Manifest, kind: str) -> str:
    """The name of what the event is about, if it is of this kind."""
    of = event.get("involvedObject") or {}
    return str(of.get("name")) if of.get("kind") == kind else ""


def _told_at(event: Manifest) -> float:
    """Lists are in the order of names, and the newer API leaves the older one's times empty."""
    series = (event.get("series") or {}).get("lastObservedTime")
    created = (event.get("metadata") or {}).get("creationTimestamp")
    times = (series, event.get("lastTimestamp"), event.get("eventTime"), event.get("firstTimestamp"), created)
    return moment(next(filter(None, times), None), otherwise=0.0)
