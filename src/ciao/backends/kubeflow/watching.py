"""Following a job on a cluster: its objects and the logs of its replicas become events, each line once.

What comes in is the inbox's, what it means the story's; here they are put in order, and the job is brought to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

from ciao.backends.kubeflow.following import Logs
from ciao.backends.kubeflow.inbox import Broken, Inbox, News, Seen, Written
from ciao.backends.kubeflow.keeping import Keep, Life
from ciao.backends.kubeflow.replay import replay, split
from ciao.backends.kubeflow.story import Story
from ciao.errors import BackendError
from ciao.k8s.backoff import Pace
from ciao.k8s.base import Api, Manifest, Resource
from ciao.k8s.changes import Change, Fresh, Stale, Synced
from ciao.k8s.errors import ApiError
from ciao.logs.lines import parse
from ciao.logs.merge import Merge
from ciao.model import Event, Finished, Lines, Notice, Outcome, Phase, ReplicaChanged

__all__ = ["DRAIN", "Watching"]

DRAIN = {Phase.FAILED: 2.0, Phase.SUCCEEDED: 10.0, Phase.CANCELLED: 2.0, Phase.LOST: 2.0}
"""Seconds after a job's end for the logs of those that are being ended; who has failed is told why soon."""


class Watching:
    """One watcher of one job, whose object has the ``uid``.

    The logs of the first ``live`` replicas are followed, that of one ``besides``, and of those that fail.
    ``again`` makes the job anew for another attempt and gives its uid, ``known`` is how we ended it, if we did: it may
    be written on its last object, ``close`` ends what is left of it, if its object still has the uid that it is given.
    """

    def __init__(
        self,
        api: Api,
        story: Story,
        keep: Keep,
        *,
        resource: Resource,
        uid: str,
        live: int,
        besides: str | None = None,
        again: Callable[[int], Awaitable[str]],
        known: Callable[[Manifest | None], Outcome | None],
        close: Callable[[Finished, str], Awaitable[None]],
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._api = api
        self._story = story
        self._keep = keep
        self._resource = resource
        self._uid = uid
        self._live = live
        self._again = again
        self._ended_by_us = known
        self._close = close
        self._pace = pace
        self._inbox = Inbox()
        self._logs = Logs(
            api, story, keep, live=live, besides=besides, write=self._wrote, say=self._inbox.put, pace=pace
        )
        self._synced: set[str] = set()
        self._told: set[str] = set()
        self._finished: Finished | None = None
        self._closing: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[str] | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """From the first line to Finished. Close it with ``aclosing``."""
        try:
            for event in (*self._kept(), *self._found()):
                yield event
            self._watch()
            while not self._over():
                for event in self._ordered(await self._inbox.take(within=self._patience())):
                    yield event
            if self._closing is not None:
                await self._closing
            if self._finished is not None:
                yield self._with_all_words(self._finished)
        finally:
            ours = (*self._inbox.tasks(), *self._logs.tasks(), self._closing, self._retrying)
            tasks = [task for task in ours if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._keep.close()

    def _found(self) -> Iterator[Event]:
        """What is known before anything is watched: how many are not followed, and who waits already."""
        if (few := len(self._story.ranked) - self._live) > 0 and self._story.known is None:
            name = self._story.job.name
            words = (
                f"lines of the last {few} replicas are shown only if they fail: `%ciao logs {name} REPLICA` shows one"
            )
            yield Notice(text=f"{words}, logs.live in config.yaml says of how many all are shown")
        for status in self._story.replicas.statuses():
            if status.reason:
                yield ReplicaChanged(status=status)

    def _watch(self) -> None:
        story = self._story
        self._inbox.watch(
            self._api, story.job.name, resource=self._resource, namespace=story.namespace, pace=self._pace
        )

    async def _wrote(self, life: Life, data: bytes) -> None:
        self._keep.append(life, data)
        await self._inbox.put(Written(life=life, data=data))

    def _patience(self) -> float:
        now = time.time()
        if self._finished is not None:
            return 0.05
        return min(5.0, self._story.due(now))

    # Events go out.

    def _ordered(self, news: list[News]) -> Iterator[Event]:
        """States and lines; lines of all replicas in the order of their stamps."""
        merge = Merge()
        now = time.time()
        for one in news:
            match one:
                case Written():
                    yield from self._lines(one.life, one.data, merge, now)
                case Seen():
                    yield from self._saw(one, now)
                case Broken():
                    yield from self._broke(one)
                case Notice():
                    yield from self._once(one)
        if lines := merge.take():
            yield Lines(lines=tuple(lines))
        yield from self._decide(now)

    def _lines(self, life: Life, data: bytes, merge: Merge, now: float) -> Iterator[Event]:
        lines, records = split(parse(life.replica, data))
        merge.add(life.replica, lines)
        for record in records:
            yield from self._told_by(self._story.see_record(life.replica, record, now=now))

    def _saw(self, seen: Seen, now: float) -> Iterator[Event]:
        match seen.told:
            case Synced():
                self._synced.add(seen.which)
            case Stale(since=since, reason=reason) if seen.which == "pod":
                silence = self._pace.now() - since
                words = f"the cluster has not been heard for {silence:.0f} s: {reason}; it is tried again"
                yield Notice(text=words, level="warning")
            case Fresh() if seen.which == "pod":
                yield Notice(text="the cluster is heard again")
            case Change():
                yield from self._told_by(self._changed(seen.which, seen.told, now))
                self._logs.start()

    def _changed(self, which: str, change: Change, now: float) -> Iterator[Event]:
        gone = change.kind == "DELETED"
        match which:
            case "pod":
                self._logs.see(change.object, deleted=gone)
                yield from self._story.see_pod(change.object, now=now, deleted=gone)
            case "job" if not gone:
                yield from self._story.see_job(change.object, now=now)
            case "job" if self._retrying is None and change.object["metadata"].get("uid") == self._uid:
                self._story.known = self._story.known or self._ended_by_us(change.object)
                yield from self._story.see_job(None, now=now)
            case "event":
                yield from self._story.see_event(change.object, now=now)

    def _broke(self, broken: Broken) -> Iterator[Event]:
        """Without its events a job can be followed, without its pods it cannot."""
        if broken.which != "event" or not isinstance(broken.error, ApiError):
            raise self._lost_sight(broken.error)
        yield Notice(text=f"why a replica waits is not known: {broken.error}", level="warning")

    def _lost_sight(self, error: BackendError) -> BackendError:
        name = self._story.job.name
        hint = f"{error.hint}. " if error.hint else ""
        words = f"the job {name} goes on, but cannot be followed: {error.message}"
        return BackendError(words, hint=f"{hint}`%ciao cancel {name}` ends it")

    def _once(self, notice: Notice) -> Iterator[Event]:
        if notice.text not in self._told:
            self._told.add(notice.text)
            yield notice

    def _decide(self, now: float) -> Iterator[Event]:
        if self._finished is not None or not self._synced >= {"job", "pod"}:
            return
        if self._retrying is not None and self._retrying.done():
            self._uid, self._retrying = self._retrying.result(), None
        elif self._retrying is None and self._story.retry_due(now):
            yield from self._story.begin_attempt(self._story.attempt + 1, now=now)
            self._retrying = asyncio.create_task(self._start_again(self._story.attempt))
        elif self._retrying is None:
            self._story.known = self._story.known or self._ended_by_us(None)
            yield from self._told_by(self._story.tick(now))

    async def _start_again(self, number: int) -> str:
        await self._logs.drained(within=DRAIN[Phase.FAILED], failed=True)
        return await self._again(number)

    def _told_by(self, events: Iterator[Event]) -> Iterator[Event]:
        """All but the end, which comes after the last line."""
        for event in events:
            if isinstance(event, Finished):
                self._finish(event)
            else:
                yield event

    def _finish(self, finished: Finished) -> None:
        self._finished = finished
        self._keep.end(finished.outcome)
        self._logs.start()
        self._closing = asyncio.create_task(self._after_logs(finished))

    def _with_all_words(self, finished: Finished) -> Finished:
        """The logs may have told more of the failure since."""
        outcome = self._story.outcome or finished.outcome
        if outcome != finished.outcome:
            self._keep.end(outcome)
        return Finished(outcome=outcome)

    async def _after_logs(self, finished: Finished) -> None:
        phase = finished.outcome.phase
        late, failed = phase is Phase.SUCCEEDED, phase is Phase.FAILED
        await self._logs.drained(within=DRAIN[phase], late=late, failed=failed)
        await self._close(finished, self._uid)

    def _over(self) -> bool:
        """Finished, and all that was written before has been told."""
        if self._finished is None or not self._inbox.empty():
            return False
        return self._closing is not None and self._closing.done()

    def _kept(self) -> Iterator[Event]:
        """What is on this machine's disk already."""
        now = time.time()
        for life in self._keep.lives():
            self._logs.know(life)
        for part in replay(self._keep):
            if part.lines:
                yield Lines(lines=part.lines, lost=part.lost)
            for replica, record in part.records:
                yield from self._told_by(self._story.see_record(replica, record, now=now))
