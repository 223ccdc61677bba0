"""What is new of a job on a cluster: three watches (the job, its pods, what the cluster says of both), and its logs.

All of it comes through one queue, which is bounded: a cell that cannot keep up slows the streams, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from ciao.backends.kubeflow import thin
from ciao.backends.kubeflow.keeping import Life
from ciao.backends.kubeflow.labels import JOB
from ciao.errors import BackendError
from ciao.k8s.backoff import Pace
from ciao.k8s.base import EVENTS, PODS, Api, Resource
from ciao.k8s.changes import Change, Told
from ciao.k8s.watch import watch
from ciao.model import Notice

__all__ = ["Broken", "Inbox", "News", "Seen", "Written"]

PENDING = 256
"""Pieces of news that may wait for the cell: chunks of logs, changes of objects."""

AT_ONCE = 200
"""Pieces of news that are taken in before they are told."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Lines of one life."""

    life: Life
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a watch told; ``which`` is its kind: job, pod or event."""

    which: str
    told: Told


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A watch that cannot go on."""

    which: str
    error: BackendError


News = Written | Seen | Broken | Notice


class Inbox:
    """The news of one job, in the order in which they came."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue(PENDING)
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, api: Api, job: str, *, resource: Resource, namespace: str, pace: Pace) -> None:
        """Begin the watches: of the job, which is a ``resource``, of its pods, and of the events of both."""
        told = partial(watch, api, namespace=namespace, pace=pace)
        watches = {
            "job": told(resource, field_selector=f"metadata.name={job}"),
            "pod": told(PODS, label_selector=f"{JOB}={job}", keep=thin.pod),
            "event": told(EVENTS, keep=thin.event),
        }
        self._tasks = [asyncio.create_task(self._pass_on(which, told, job)) for which, told in watches.items()]

    def tasks(self) -> list[asyncio.Task[None]]:
        """The watches that were begun."""
        return self._tasks

    async def put(self, one: News) -> None:
        """Once there is room for it."""
        await self._news.put(one)

    def empty(self) -> bool:
        """All that came has been taken."""
        return self._news.empty()

    async def take(self, *, within: float) -> list[News]:
        """What is new, or nothing if nothing comes within so many seconds.

        Not by ``wait_for``: before Python 3.12 it loses a cancellation that comes together with news, and the job
        would never be ended.
        """
        news: list[News] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                news.append(await self._news.get())
        while not self._news.empty() and len(news) < AT_ONCE:
            news.append(self._news.get_nowait())
        return news

    async def _pass_on(self, which: str, watched: AsyncGenerator[Told, None], job: str) -> None:
        try:
            async with aclosing(watched):
                async for told in watched:
                    if which != "event" or _concerns(told, job):
                        await self.put(Seen(which=which, told=told))
        except BackendError as error:
            await self.put(Broken(which=which, error=error))


def _concerns(told: Told, job: str) -> bool:
    """An event of the job, or of what was made for it: all such names have the job's in them."""
    if not isinstance(told, Change):
        return True
    about = told.object.get("involvedObject") or {}
    return told.kind != "DELETED" and job in str(about.get("name"))
