"""A job is followed through all that a scripted API server does to its streams."""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.backends.kubeflow import blame, following
from ciao.backends.kubeflow.keeping import Keep
from ciao.backends.kubeflow.story import Story
from ciao.backends.kubeflow.watching import DRAIN, Watching
from ciao.k8s.backoff import Pace
from ciao.k8s.base import Resource
from ciao.logs.lines import stamp
from ciao.logs.rotation import LEAST
from ciao.model import Event, Finished, Job, Lines, Notice, Outcome, Phase, Traced
from ciao.runner import FRAME
from fakes.apiserver import CUT, Answer, ApiServer, Asked, Feed, Reply, answer, connected, event, status, stream, text

Manifest = dict[str, Any]

TICK, STEP = 0.002, 0.2
"""Seconds of ours between two looks at the clock, and by how much it has moved on then, however busy the machine is."""

JOB = Job(name="j", backend="kubeflow", framework="pytorch", replicas=("worker-0",), created=1.0)
JOBS = Resource(kind="PyTorchJob", plural="pytorchjobs", group="kubeflow.org")
SPACE = "/api/v1/namespaces/ns"
LOG = f"GET {SPACE}/pods/j-worker-0/log"
PODS = f"GET {SPACE}/pods"
RUNS = {"running": {"startedAt": "2026-11-23T05:00:00Z"}}
DONE = {"terminated": {"exitCode": 0, "startedAt": "2026-11-23T05:00:00Z", "finishedAt": "2026-11-23T05:00:10Z"}}
TOO_MANY = b"failed to create fsnotify watcher: too many open files"
EXPIRED = event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


def pod(state: Manifest, version: int, *, role: str = "worker") -> Manifest:
    labels = {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": "0"}
    name, uid = f"j-{role}-0", {"worker": "u"}.get(role, role)
    metadata = {"name": name, "namespace": "ns", "uid": uid, "labels": labels, "resourceVersion": str(version)}
    spec = {"containers": [{"name": "c", "env": [{"name": "CIAO_JOB"}]}], "nodeName": "n"}
    return {"metadata": metadata, "spec": spec, "status": {"containerStatuses": [{"name": "c", "state": state}]}}


def told(words: str) -> Manifest:
    """The record of an exception with these words."""
    return {"type": "error", "time": 200.0, "error": {"ename": "ValueError", "evalue": words}}


def failed(message: str) -> Manifest:
    return {"terminated": {**DONE["terminated"], "exitCode": 1, "message": message}}


def page(*items: Manifest) -> Answer:
    return answer({"metadata": {"resourceVersion": "1"}, "items": list(items)})


def lines(first: int, last: int) -> bytes:
    return b"".join(b"2026-11-23T05:00:%02d.000000000Z %d\n" % (n, n) for n in range(first, last + 1))


def either(lists: list[Answer], watches: list[Answer]) -> Callable[[Asked], Answer]:
    """The next answer to a list or to a watch, and the last one again and again."""

    def reply(asked: Asked) -> Answer:
        mine = watches if asked.query.get("watch") else lists
        return mine.pop(0) if len(mine) > 1 else mine[0]

    return reply


class Clock:
    """Goes on with the event loop, a hundred times as fast as ours: a machine that has much to do makes nobody late."""

    def __init__(self) -> None:
        self._now = time.time()

    @property
    def pace(self) -> Pace:
        return Pace(sleep=self._sleep, now=lambda: self._now)

    async def goes_on(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._now += STEP

    async def _sleep(self, seconds: float) -> None:
        end = self._now + seconds
        while self._now < end:  # noqa: ASYNC110 - a clock that goes on with the loop
            await asyncio.sleep(TICK)


class Seen:
    """What was told so far."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def texts(self) -> list[str]:
        return [line.text for one in self.events if isinstance(one, Lines) for line in one.lines]

    @property
    def notices(self) -> list[str]:
        return [one.text for one in self.events if isinstance(one, Notice)]

    @property
    def lost(self) -> int:
        return sum(one.lost for one in self.events if isinstance(one, Lines))

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not wanted():  # noqa: ASYNC110 - whatever the test waits for
                await asyncio.sleep(0.005)


@asynccontextmanager
async def watching(
    home: Path, *, log: list[Reply], pods: Callable[[Asked], Answer], keep: Keep | None = None, job: Job = JOB
) -> AsyncIterator[Seen]:
    """A job of one worker that runs, on a server with these answers; by default nothing is kept."""
    silent = either([page()], [Answer(stream=Feed())])
    metadata = {"name": "j", "namespace": "ns", "uid": "j", "resourceVersion": "1"}
    jobs = either([page({"metadata": metadata, "spec": {}})], [Answer(stream=Feed())])
    script: dict[str, Any] = {LOG: log, PODS: pods, f"GET {SPACE}/events": silent}
    script[f"GET {JOBS.path(namespace='ns')}"] = jobs
    script[f"{PODS}/j-master-0/log"] = [stream()]
    script[f"{PODS}/j-master-0"] = [answer(pod(DONE, 2, role="master"))]
    script[f"{PODS}/j-worker-0"] = [answer(pod(RUNS, 2))]
    seen, clock = Seen(), Clock()
    async with ApiServer(script) as server, connected(server) as api:
        one = Watching(
            api, Story(job=job, namespace="ns"), keep or Keep(home, "j"), resource=JOBS, uid="j", live=9, again=_never,
            known=_nothing, close=_closed, pace=clock.pace,
        )  # fmt: skip

        async def follow() -> None:
            async with aclosing(one.events()) as events:
                async for told in events:
                    seen.events.append(told)

        tasks = [asyncio.create_task(work) for work in (clock.goes_on(), follow())]
        try:
            yield seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _never(_number: int) -> str:
    raise AssertionError("no attempt was left")


def _nothing(_manifest: Manifest | None) -> Outcome | None:
    return None


async def _closed(_finished: Finished, _uid: str) -> None:
    """Nothing is left to end."""


async def test_refusals_cuts_and_too_many_followers_lose_no_line_and_double_none(tmp_path: Path) -> None:
    log: list[Reply] = [
        status(429, "TooManyRequests", "later", headers={"Retry-After": "1"}),
        stream(lines(0, 5), CUT),
        status(500, "InternalError", "broken"),
        status(401, "Unauthorized", "Unauthorized"),
        status(401, "Unauthorized", "Unauthorized"),
        stream(lines(3, 8) + TOO_MANY, content="text/plain"),
        stream(lines(6, 20), content="text/plain"),
    ]
    ends = Feed()
    refused = [stream(EXPIRED), status(410, "Expired", "too old"), status(500, "InternalError", "broken"), stream(CUT)]
    pods = either([page(pod(RUNS, 2))], [*refused, Answer(stream=ends)])
    async with watching(tmp_path, log=log, pods=pods) as seen:
        await seen.until(lambda: len(seen.texts) > 20)
        ends.send(event("MODIFIED", pod(DONE, 3)))
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert seen.texts == [str(n) for n in range(21)]
    assert seen.notices == []
    assert isinstance(last := seen.events[-1], Finished)
    assert last.outcome.phase is Phase.SUCCEEDED


async def test_a_silent_cluster_is_told_once_and_that_it_is_heard_again(tmp_path: Path) -> None:
    back = asyncio.Event()

    def pods(asked: Asked) -> Answer:
        if back.is_set():
            return Answer(stream=Feed()) if asked.query.get("watch") else page(pod(DONE, 3))
        failed = asked.query.get("watch") or seen.events
        return status(500, "InternalError", "etcd has no leader") if failed else page(pod(RUNS, 2))

    async with watching(tmp_path, log=[stream(lines(0, 3))], pods=pods) as seen:
        await seen.until(lambda: seen.notices)
        back.set()
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    silent, heard = seen.notices
    words = (
        r"the cluster has not been heard for \d+ s: the cluster failed \(500\): etcd has no leader; it is tried again"
    )
    assert re.fullmatch(words, silent)
    assert heard == "the cluster is heard again"


WITH_MASTER = replace(JOB, replicas=("master-0", "worker-0"))
CREATING = {"waiting": {"reason": "ContainerCreating"}}
WAITS = status(400, "BadRequest", 'container "c" in pod "j-worker-0" is waiting to start: ContainerCreating')


async def test_lines_of_a_replica_that_is_seen_to_begin_after_the_job_has_ended(tmp_path: Path) -> None:
    """The job's end is its master's, and kubelets tell of pods in any order."""
    ends = Feed()
    pods = either([page(pod(DONE, 2, role="master"), pod(CREATING, 3))], [Answer(stream=ends)])
    async with watching(tmp_path, log=[WAITS, stream(lines(0, 3))], pods=pods, job=WITH_MASTER) as seen:
        await seen.until(lambda: seen.texts)
        ends.send(event("MODIFIED", pod(DONE, 4)))
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert seen.texts == ["0", "1", "2", "3"]
    assert seen.notices == []


async def test_that_such_lines_were_removed_unread_is_told(tmp_path: Path) -> None:
    ends = Feed()
    pods = either([page(pod(DONE, 2, role="master"), pod(CREATING, 3))], [Answer(stream=ends)])
    removed = status(500, "InternalError", "unable to retrieve container logs for containerd://c")
    tried = asyncio.Event()

    def waits(_: Asked) -> Answer:
        tried.set()
        return WAITS

    async with watching(tmp_path, log=[waits, removed], pods=pods, job=WITH_MASTER) as seen:
        await tried.wait()
        ends.send(event("MODIFIED", pod(DONE, 4)))
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert seen.notices == ["lines of worker-0 are missing: the log was removed before it was read to its end"]


@pytest.mark.parametrize("removed", [True, False])
async def test_a_replica_that_never_begins_does_not_hold_up_the_end(tmp_path: Path, *, removed: bool) -> None:
    ends = Feed()
    pods = either([page(pod(DONE, 2, role="master"), pod(CREATING, 3))], [Answer(stream=ends)])
    async with watching(tmp_path, log=[WAITS], pods=pods, job=WITH_MASTER) as seen:
        if removed:
            await seen.until(lambda: seen.events)
            ends.send(event("DELETED", pod(CREATING, 4)))
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert (seen.texts, seen.notices) == ([], [])


FAILED = {"terminated": {**DONE["terminated"], "exitCode": 1}}


async def test_the_last_lines_of_who_failed_are_waited_for_longer_than_those_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DRAIN, Phase.FAILED, 0.0)
    monkeypatch.setattr(blame, "SETTLE", 0.05)
    monkeypatch.setattr(following, "LAST_WORDS", 60.0)  # as the whole test may take on a busy machine
    decided, asked = list[Outcome](), list[Asked]()
    monkeypatch.setattr(Keep, "end", lambda _, outcome: decided.append(outcome))

    def busy(one: Asked) -> Answer:
        asked.extend([one] if decided else [])
        return stream(lines(0, 3)) if len(asked) > 5 else stream(CUT)

    pods = either([page(pod(FAILED, 3))], [Answer(stream=Feed())])
    async with watching(tmp_path, log=[busy], pods=pods) as seen:
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert seen.texts == ["0", "1", "2", "3"]


async def test_a_log_that_comes_after_the_decision_still_has_all_of_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DRAIN, Phase.FAILED, 0.0)
    monkeypatch.setattr(blame, "SETTLE", 0.05)
    monkeypatch.setattr(following, "LAST_WORDS", 60.0)
    decided = list[Outcome]()
    monkeypatch.setattr(Keep, "end", lambda _, outcome: decided.append(outcome))
    trace = ["Traceback (most recent call last):", "ValueError: all of it"]
    shown = {"type": "shown", "lines": len(trace), "crc": zlib.crc32("".join(f"{t}\n" for t in trace).encode())}
    said = [*trace, *(FRAME + json.dumps({"v": 1, **record}) for record in (told("all of it"), shown))]
    log = b"".join(b"2026-11-23T05:00:08.%09dZ %s\n" % (n, t.encode()) for n, t in enumerate(said))
    pods = either([page(pod(failed(json.dumps({"v": 1, **told("all ...")})), 3))], [Answer(stream=Feed())])
    async with watching(tmp_path, log=[lambda _: stream(log) if decided else stream(CUT)], pods=pods) as seen:
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    ends = [one.outcome for one in seen.events if isinstance(one, Finished)]
    assert [one.failure and one.failure.evalue for one in (*decided, *ends)] == ["all ...", "all of it", "all of it"]
    assert [one.reason for one in seen.events if isinstance(one, Traced)] == ["ValueError: all ..."]
    assert seen.texts == trace


async def test_a_page_instead_of_a_log_is_no_line(tmp_path: Path) -> None:
    log: list[Reply] = [text("<html>log in</html>", content="text/html"), stream(lines(0, 3))]
    pods = either([page(pod(DONE, 3))], [Answer(stream=Feed())])
    async with watching(tmp_path, log=log, pods=pods) as seen:
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    assert seen.texts == ["0", "1", "2", "3"]


async def test_a_log_that_is_longer_than_what_is_kept_goes_on_where_it_ended(tmp_path: Path) -> None:
    def part(first: int, last: int) -> bytes:  # a thousand lines a second
        return b"".join(b"%s %d\n" % (stamp((10**12 + n) * 10**6).encode(), n) for n in range(first, last))

    running = either([page(pod(RUNS, 2))], [Answer(stream=Feed())])
    first = Keep(tmp_path, "j", keep_log=LEAST)
    assert first.open(JOB)
    async with watching(tmp_path, log=[stream(part(0, 60_000), CUT)], pods=running, keep=first) as seen:
        await seen.until(lambda: len(seen.texts) >= 60_000)
    assert seen.texts == [str(n) for n in range(60_000)]
    assert sum(path.stat().st_size for path in first.folder.logs.iterdir()) <= LEAST
    second = Keep(tmp_path, "j", keep_log=LEAST)
    assert second.open(JOB)
    done = either([page(pod(DONE, 3))], [Answer(stream=Feed())])
    async with watching(tmp_path, log=[stream(part(58_000, 70_000))], pods=done, keep=second) as seen:
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    (told,) = (text for text in seen.texts if "not kept here" in text)
    assert f"{seen.lost:,} bytes are not kept here" in told
    cut = seen.texts.index(told)
    assert seen.texts[:cut] == [str(n) for n in range(cut)]
    assert seen.texts[cut + 1 :] == [str(n) for n in range(70_001 + cut - len(seen.texts), 70_000)]
    assert cut < 60_000


async def test_the_lines_that_a_node_has_thrown_away_are_told(tmp_path: Path) -> None:
    pods = either([page(pod(DONE, 3))], [Answer(stream=Feed())])
    async with watching(tmp_path, log=[stream(lines(8, 9))], pods=pods) as seen:
        await seen.until(lambda: seen.events and isinstance(seen.events[-1], Finished))
    (notice,) = seen.notices
    assert notice.startswith("the first lines of worker-0 are missing, before 2026-11-23T05:00:08.000000000Z: ")
