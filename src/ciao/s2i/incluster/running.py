"""One build on a cluster: its objects, its log, its end, and that nothing of it is left. All that is sent is here."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ciao.errors import BackendError, BackendUnavailable, BundleError
from ciao.k8s.backoff import Pace
from ciao.k8s.base import CONFIG_MAPS, EVENTS, PODS, Api, Manifest, Resource
from ciao.k8s.errors import ApiError
from ciao.model import Job, Notice, Packing
from ciao.s2i.base import Tell
from ciao.s2i.incluster.builders import Builder
from ciao.s2i.incluster.manifests import BUILD, SECRETS, Place, config_map, ran_by, run_of, secret
from ciao.s2i.incluster.order import Order
from ciao.s2i.incluster.reasons import Ended, Started, Waits, failed, no_pod, state_of
from ciao.s2i.incluster.said import clean, step_of

__all__ = ["Running"]

POLL = 0.5
"""Seconds between two looks at the pod."""

KEPT = 200
"""Lines of the log that are kept."""

LONGEST = 64 * 1024
"""Bytes of a line that are kept."""

IDLE = 300.0
"""Seconds of a builder's silence after which its log is asked for anew."""

DRAIN = 10.0
"""Seconds that the end of the log is waited for."""


_deleting: set[asyncio.Task[None]] = set()
"""Deletions that nobody waits for any more; the loop itself would not keep them alive."""


@dataclass(kw_only=True)
class Running:
    """``hidden`` are secrets that no line may show."""

    api: Api
    builder: Builder
    order: Order
    place: Place
    of: Job
    tell: Tell
    hidden: Sequence[str] = ()
    pace: Pace = field(default_factory=Pace)
    _said: str = ""
    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))

    async def digest(self) -> str:
        """Build and push; the digest of the image. Raises BundleError. Nothing is left behind, however it ends."""
        try:
            async with self._created():
                return await self._watched()
        except BackendError as error:
            raise BundleError(f"no image can be built in the cluster: {error.message}", hint=error.hint) from error

    @asynccontextmanager
    async def _created(self) -> AsyncGenerator[None]:
        """A request that is given up may arrive all the same: what is begun is completed, and then deleted."""
        try:
            self._say("starting the builder")
            await _completed(self._create())
            yield
        finally:
            await _completed(self._delete(), patient=False)

    async def _create(self) -> None:
        """The owner first: it owns the others from their first moment, and its pod waits for them."""
        made = await self._post(ran_by(self.builder), run_of(self.order, self.builder, self.place, of=self.of))
        uid = str(made["metadata"]["uid"])
        if self.order.login:
            await self._post(SECRETS, secret(self.order, self.builder, self.place, uid=uid))
        await self._post(CONFIG_MAPS, config_map(self.order, self.builder, self.place, uid=uid))

    async def _post(self, resource: Resource, manifest: Manifest) -> Manifest:
        path = resource.path(namespace=self.place.namespace)
        return await self.api.request("POST", path, body=manifest, params={"fieldValidation": "Ignore"})

    async def _delete(self) -> None:
        """Each by itself, for a cluster's own cleaning takes its time; a Secret first."""
        resources = ((SECRETS, bool(self.order.login)), (ran_by(self.builder), True), (CONFIG_MAPS, True))
        for resource, made in resources:
            path = resource.path(namespace=self.place.namespace, name=self.place.name)
            with suppress(BackendError):  # it was not made, or it goes with its owner
                if made:
                    await self.api.request("DELETE", path, params={"propagationPolicy": "Background"})

    async def _watched(self) -> str:
        log: asyncio.Task[None] | None = None
        try:
            while True:
                pod = await self._pod()
                state = self._state(pod) if pod else await self._without_pod()
                if isinstance(state, Waits):
                    if pod and self.builder.by == "TaskRun":
                        await self._without_pod()  # of what is beside the builder's container, Tekton tells
                    self._say(state.why)
                elif log is None and pod:
                    log = asyncio.create_task(self._follow(pod["metadata"]["name"]))
                if isinstance(state, Ended):
                    return await self._ended(state, log)
                await self.pace.sleep(POLL)
        finally:
            if log is not None:
                log.cancel()
                await asyncio.wait([log])

    def _state(self, pod: Manifest) -> Waits | Started | Ended:
        return state_of(pod, builder=self.builder, namespace=self.place.namespace)

    async def _ended(self, state: Ended, log: asyncio.Task[None] | None) -> str:
        if log is not None:
            await asyncio.wait([log], timeout=DRAIN)
        if state.code == 0 and state.digest:
            return state.digest
        if state.code == 0:
            raise BundleError(
                f"{self.builder.name} did not tell the digest of what it pushed",
                hint=f"See that {self.place.image} is one of the builder's usual images",
            )
        raise failed(state, list(self._lines), builder=self.builder)

    async def _pod(self) -> Manifest | None:
        """The newest; there is one."""
        path = PODS.path(namespace=self.place.namespace)
        found = await self.api.request("GET", path, params={"labelSelector": f"{BUILD}={self.place.name}"})
        items: list[Manifest] = found.get("items") or []
        return items[-1] if items else None

    async def _without_pod(self) -> Waits:
        events = await self._events() if self.builder.by == "Job" else []
        path = ran_by(self.builder).path(namespace=self.place.namespace, name=self.place.name)
        run = await self.api.request("GET", path)
        no_pod(run, events, builder=self.builder, namespace=self.place.namespace)
        untouched = self.builder.by == "TaskRun" and not run.get("status")
        return Waits(why="waiting for Tekton" if untouched else "starting the builder")

    async def _events(self) -> list[Manifest]:
        """Who may not see them is told of a refusal when the Job's time is over."""
        selector = f"involvedObject.kind={self.builder.by},involvedObject.name={self.place.name}"
        path = EVENTS.path(namespace=self.place.namespace)
        try:
            found = await self.api.request("GET", path, params={"fieldSelector": selector})
        except ApiError:
            return []
        items: list[Manifest] = found.get("items") or []
        return items

    async def _follow(self, pod: str) -> None:
        """All lines, as long as there are some. A log that breaks off is begun anew, and the build goes on."""
        while not await self._read(PODS.path(namespace=self.place.namespace, name=pod, part="log")):
            await self.pace.sleep(POLL)

    async def _read(self, path: str) -> bool:
        """Whether that was all of it, or all that can be had."""
        self._lines.clear()
        pieces = self.api.stream(path, params={"container": self.builder.container, "follow": "true"}, idle=IDLE)
        try:
            async with aclosing(pieces), aclosing(_split(pieces)) as lines:
                async for line in lines:
                    self._heard(line)
        except BackendUnavailable:
            return False
        except ApiError as error:
            self.tell(Notice(text=f"the log of {self.builder.name} cannot be read: {error}", level="warning"))
        return True

    def _heard(self, line: str) -> None:
        for secret_ in self.hidden:
            line = line.replace(secret_, "***")
        self._lines.append(line)
        self._say(step_of(line))

    def _say(self, what: str) -> None:
        if what and what != self._said:
            self._said = what
            self.tell(Packing(step=f"{self.builder.name}: {what}"))


async def _split(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[str, None]:
    """Whole lines; a bar that is drawn again and again is one line each time."""
    rest = b""
    async for piece in pieces:
        *whole, rest = re.split(rb"[\r\n]+", rest + piece)
        for line in whole:
            yield clean(line[:LONGEST])
        rest = rest[-LONGEST:]
    if rest:
        yield clean(rest)


async def _completed(work: Coroutine[Any, Any, None], *, patient: bool = True) -> None:
    """Do it to its end, also if cancelled meanwhile; the cancellation is raised behind it.

    Who is not ``patient`` lets it go on alone at a second cancellation.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
            if not patient:
                _deleting.add(task)
                task.add_done_callback(_deleting.discard)
                raise
    task.result()
    if cancelled:
        raise asyncio.CancelledError
