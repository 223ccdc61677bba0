"""Jobs of ours on a cluster, from what is written on them: in another kernel, after a restart, in a shell."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ciao.backends.beside import beside, folder_of
from ciao.backends.kubeflow.blame import SETTLE_SECONDARY
from ciao.backends.kubeflow.keeping import read_outcome, told_outcome
from ciao.backends.kubeflow.kinds import Kind
from ciao.backends.kubeflow.labels import JOB, OURS, PREFIX, attempt_of, images_in, job_of, spec_of
from ciao.backends.kubeflow.losses import least_of
from ciao.backends.kubeflow.story import Story
from ciao.k8s.base import EVENTS, PODS, Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.model import Event, Job, JobSpec, Outcome, ReplicaState, Summary

__all__ = [
    "Found",
    "InUse",
    "events_of",
    "found_job",
    "found_jobs",
    "images_in_use",
    "outcome_note",
    "seen_now",
    "story_of",
]

OUTCOME = f"{PREFIX}outcome"

FORBIDDEN = 403

MAX_TEXT = 500
"""Characters of an error that are written on a job."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A job's object, and what it says of itself."""

    kind: Kind
    manifest: Manifest
    job: Job
    spec: JobSpec

    @property
    def uid(self) -> str:
        """The object's."""
        return str(self.manifest["metadata"].get("uid"))

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.manifest["metadata"].get("namespace"))

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, if whoever followed it wrote that on it."""
        try:
            return read_outcome(json.loads(self.manifest["metadata"]["annotations"][OUTCOME]))
        except (ValueError, LookupError, TypeError, RecursionError):
            return None


async def found_job(api: Api, kinds: Iterable[Kind], name: str, *, namespace: str) -> Found | None:
    """The job of this name, whatever its kind."""
    asked = (_one(api, kind, name, namespace=namespace) for kind in kinds)
    return next((found for found in await asyncio.gather(*asked) if found is not None), None)


async def found_jobs(api: Api, kinds: Iterable[Kind], *, namespace: str) -> list[Summary]:
    """All jobs of ours, newest first: one list for each kind, and one for all of their pods."""
    params = {"labelSelector": OURS}
    pods = asyncio.ensure_future(_items(api, PODS.path(namespace=namespace), params))
    lists = await asyncio.gather(*(_of_kind(api, kind, namespace=namespace) for kind in kinds))
    by_job: dict[str, list[Manifest]] = {}
    for pod in await pods:
        by_job.setdefault(str((pod["metadata"].get("labels") or {}).get(JOB)), []).append(pod)
    every = (one for found in lists for one in found)
    summaries = [seen_now(story_of(one), by_job.get(one.job.name, ())).summary() for one in every]
    return sorted(summaries, key=lambda s: s.job.created, reverse=True)


@dataclass(frozen=True, kw_only=True)
class InUse:
    """The images that jobs which have not ended need, each with the names of those jobs.

    ``everywhere``: those of all namespaces were seen, and not only of one.
    """

    jobs: Mapping[str, Sequence[str]]
    everywhere: bool


async def images_in_use(api: Api, kinds: Sequence[Kind], *, namespace: str) -> InUse:
    """In all namespaces if this user may look there, else in this one. Raises ApiError if not even there."""
    try:
        return InUse(jobs=await _used(api, kinds, namespace=""), everywhere=True)
    except ApiError as error:
        if error.code != FORBIDDEN:
            raise
    return InUse(jobs=await _used(api, kinds, namespace=namespace), everywhere=False)


async def _used(api: Api, kinds: Sequence[Kind], *, namespace: str) -> Mapping[str, Sequence[str]]:
    used: dict[str, list[str]] = {}
    for kind in kinds:  # the first that is refused says it all
        path = kind.resource.path(namespace=namespace)
        answer = await api.request("GET", path, params={"labelSelector": OURS})
        for manifest in filter(_goes_on, answer.get("items") or ()):
            for image in images_in(manifest):
                used.setdefault(image, []).append(str(manifest["metadata"].get("name")))
    return used


def _goes_on(manifest: Manifest) -> bool:
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    verdicts = {one.get("type") for one in conditions if one.get("status") == "True"}
    return not verdicts & {"Succeeded", "Failed", "Complete"}


def story_of(found: Found, outcome: Outcome | None = None) -> Story:
    """The beginning of a job's story. ``outcome`` is what this machine knows of its end: more than is written on it."""
    story = Story(
        job=found.job,
        timeout=found.spec.timeout,
        retries=found.spec.retries,
        restarts=found.spec.retries if found.kind.operator is None else 0,
        kind=found.kind.name,
        namespace=found.namespace,
        attempt=attempt_of(found.manifest),
        known=outcome or found.outcome,
        least=least_of(found.manifest),
        own=lambda module: beside(folder_of(found.job.notebook), module),
    )
    for _ in story.see_job(found.manifest, now=time.time()):
        pass
    return story


async def events_of(api: Api, found: Found) -> list[Manifest]:
    """What the cluster says of a job, its pods and what was made for it: all such names begin with the job's."""
    items = await _items(api, EVENTS.path(namespace=found.namespace), {})
    return [e for e in items if str((e.get("involvedObject") or {}).get("name")).startswith(found.job.name)]


def seen_now(story: Story, pods: Sequence[Manifest], *, events: Sequence[Manifest] = ()) -> Story:
    """With what its pods say, without waiting for more."""
    now = time.time()
    told: list[Iterator[Event]] = [story.see_event(event, now=now) for event in events]
    told += [story.see_pod(pod, now=now) for pod in pods]
    told.append(story.tick(now + SETTLE_SECONDARY))
    for events_of_one in told:  # nothing of it happens before it is asked for
        deque(events_of_one, maxlen=0)
    if story.outcome is not None:  # its end was found out earlier, and pods are gone since
        for name in story.replicas.open():
            deque(story.replicas.become(name, ReplicaState.ENDED, since=story.outcome.ended), maxlen=0)
    return story


def outcome_note(outcome: Outcome) -> Manifest:
    """The merge patch that writes an outcome on a job: for kernels that come when the pods are gone."""
    told = told_outcome(outcome, longest=MAX_TEXT)
    return {"metadata": {"annotations": {OUTCOME: json.dumps(told, separators=(",", ":"))}}}


async def _one(api: Api, kind: Kind, name: str, *, namespace: str) -> Found | None:
    try:
        return _found(kind, await api.request("GET", kind.resource.path(namespace=namespace, name=name)))
    except ApiError as error:
        if error.code in (403, 404):  # a kind that one may not see holds no job of one's own
            return None
        raise


async def _of_kind(api: Api, kind: Kind, *, namespace: str) -> list[Found]:
    items = await _items(api, kind.resource.path(namespace=namespace), {"labelSelector": OURS})
    return [found for item in items if (found := _found(kind, item)) is not None]


async def _items(api: Api, path: str, params: Mapping[str, str]) -> list[Manifest]:
    try:
        return list((await api.request("GET", path, params=params)).get("items") or ())
    except ApiError as error:
        if error.code in (403, 404):
            return []
        raise


def _found(kind: Kind, manifest: Manifest) -> Found | None:
    job, spec = job_of(manifest), spec_of(manifest)
    return Found(kind=kind, manifest=manifest, job=job, spec=spec) if job is not None and spec is not None else None
