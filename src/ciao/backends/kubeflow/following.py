"""The logs of a job's replicas: one stream for each life of a container, from its first line to its last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from ciao.backends.kubeflow.keeping import Keep, Life
from ciao.backends.kubeflow.replicas import Container, container_of, moment, replica_of
from ciao.backends.kubeflow.story import Story
from ciao.errors import BackendError
from ciao.k8s.backoff import Pace
from ciao.k8s.base import Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.k8s.logs import IDLE, Chunk, Cursor, Gap, NotReady, follow
from ciao.logs.resume import Mark
from ciao.model import Notice
from ciao.runner import FRAME

__all__ = ["Logs"]

STARTS = 5.0
"""Seconds that the runner has for its first record, which comes before all that the code writes."""

EARLY = 0.2
"""Seconds after which a log is asked for again that its node does not have yet."""

LATE = 3.0
"""Seconds for which a container may run before its pod says so: a kubelet looks at its containers once a second."""

LAST_WORDS = 8.0
"""Seconds more for the logs of replicas that have failed: what they said last tells most."""

Write = Callable[[Life, bytes], Awaitable[None]]
Say = Callable[[Notice], Awaitable[None]]


@dataclass(kw_only=True)
class _Log:
    """One life as it is known: where it can be read, whether it has begun, and whether it is over."""

    life: Life
    pod: str
    container: str
    runnable: bool = False
    started: bool = False
    began: float = 0.0
    failed: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Logs:
    """Follows at most ``live`` replicas, those of the lowest ranks first; besides them, all that fail."""

    def __init__(
        self,
        api: Api,
        story: Story,
        keep: Keep,
        *,
        live: int,
        besides: str | None = None,
        write: Write,
        say: Say,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._api = api
        self._story = story
        self._keep = keep
        self._live = live
        self._besides = besides
        self._write = write
        self._say = say
        self._pace = pace
        self._logs: dict[Life, _Log] = {}
        self._kept: set[Life] = set()
        self._news: list[_Log] = []  # of which something was seen since the last start
        self._ranks = {name: rank for rank, name in enumerate(story.ranked)}

    def know(self, life: Life) -> None:
        """Lines of this life are on the disk already."""
        self._kept.add(life)

    def see(self, pod: Manifest, *, deleted: bool) -> None:
        """A pod as it is now."""
        replica = replica_of(pod, self._story.ranked)
        if replica is None:
            return
        container = container_of(pod)
        metadata = pod["metadata"]
        current = self._log(replica, metadata, container, container.restarts)
        current.runnable = bool(pod["spec"].get("nodeName")) and not _hindered(container)
        if container.began:
            current.started, current.began = True, current.began or _began(container)
        if container.restarts:
            before = self._log(replica, metadata, container, container.restarts - 1)
            before.started = before.failed = True
            before.ended.set()
        if container.terminated is not None:
            current.failed = container.terminated.get("exitCode") != 0
        if container.terminated is not None or deleted:
            current.ended.set()

    def start(self) -> None:
        """Follow whoever is to be followed and is not yet."""
        for log in self._news:
            if log.started and log.task is None and self._wanted(log):
                log.task = asyncio.create_task(self._follow(log))
        self._news.clear()

    def tasks(self) -> list[asyncio.Task[None]]:
        """Of all that was started."""
        return [log.task for log in self._logs.values() if log.task is not None]

    async def drained(self, *, within: float, late: bool = False, failed: bool = False) -> None:
        """Until every log that is followed was read to its end, or so many seconds are over.

        ``failed``: those of who has failed are waited for longer. They end at once, unless their node is busy.

        ``late``: also the logs of those that may have begun although their pods do not say so yet. Where one replica's
        end is the job's, that of another that has just begun can be seen first.
        """
        for log in self._logs.values() if late else ():
            if log.task is None and log.runnable and not log.ended.is_set() and self._wanted(log):
                log.task = asyncio.create_task(self._follow(log))
        if tasks := self.tasks():
            await asyncio.wait(tasks, timeout=within)
        last = [log.task for log in self._logs.values() if failed and log.failed and log.task is not None]
        if last:
            await asyncio.wait(last, timeout=LAST_WORDS)

    def _log(self, replica: str, metadata: Manifest, container: Container, restart: int) -> _Log:
        life = Life(replica=replica, uid=str(metadata.get("uid")), restart=restart)
        if life not in self._logs:
            self._logs[life] = _Log(life=life, pod=str(metadata["name"]), container=container.name)
        self._news.append(self._logs[life])
        return self._logs[life]

    def _wanted(self, log: _Log) -> bool:
        """Of a job that is over all logs are read: there is nothing else to wait for."""
        replica = log.life.replica
        first = self._ranks[replica] < self._live or replica == self._besides
        return first or log.failed or self._story.known is not None

    async def _follow(self, log: _Log) -> None:
        patience = self._pace.now() + LATE
        try:
            while not await self._read(log):
                if not log.started and (log.ended.is_set() or self._pace.now() > patience):
                    return
                await self._pace.sleep(EARLY)  # only its node knows when it has the log
        except ApiError as error:
            await self._say(Notice(level="warning", text=f"the log of {log.life.replica} cannot be read: {error}"))
        except BackendError as error:
            await self._say(Notice(level="warning", text=f"the log of {log.life.replica} was cut off: {error}"))

    async def _read(self, log: _Log) -> bool:
        """Follow it to its end; False if it is too early for that."""
        told = follow(
            self._api,
            namespace=self._story.namespace,
            pod=log.pod,
            container=log.container,
            ended=log.ended,
            cursor=self._cursor(log.life),
            idle=IDLE,
            pace=self._pace,
        )
        with contextlib.suppress(NotReady):
            async with aclosing(told):
                async for one in told:
                    await self._pass_on(log, one)
            return True
        return False

    async def _pass_on(self, log: _Log, one: Chunk | Gap) -> None:
        life = log.life
        if isinstance(one, Chunk):
            if life not in self._kept and (stamp := _headless(one.data, log.began)):
                words = f"the first lines of {life.replica} are missing, before {stamp}"
                notice = Notice(level="warning", text=f"{words}: its node keeps only the newest part of a long log")
                await self._say(notice)
            self._kept.add(life)
            await self._write(life, one.data)
            return
        if not log.started and life not in self._kept:
            return  # it was removed before it began
        where = f" between {one.after} and {one.before}" if one.after and one.before else ""
        words = f"lines of {life.replica} are missing{where}: {one.reason}"
        await self._say(Notice(text=words, level="warning"))

    def _cursor(self, life: Life) -> Cursor:
        """Behind the last line that is kept."""
        mark = self._keep.tail(life) if life in self._kept else Mark()
        return Cursor(uid=life.uid, restarts=life.restart, mark=mark)


def _began(container: Container) -> float:
    state = container.running or container.terminated or {}
    return moment(state.get("startedAt"), otherwise=0.0)


def _hindered(container: Container) -> bool:
    """It waits for more than its node's work."""
    return (container.waiting or {}).get("reason") not in (None, "ContainerCreating", "PodInitializing")


def _headless(data: bytes, began: float) -> str:
    """The stamp of the first line of a log of which the beginning is gone; empty if nothing speaks for that."""
    stamp = data[:30].decode(errors="replace")
    late = began and moment(stamp, otherwise=0.0) > began + STARTS
    return stamp if late and FRAME.encode() not in data.partition(b"\n")[0] else ""
