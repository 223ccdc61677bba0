"""The end of a job on a cluster: what an operator leaves running is ended, what was asked to go is removed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from ciao.backends.kubeflow.finding import Found, outcome_note
from ciao.backends.kubeflow.labels import JOB, images_in
from ciao.errors import BackendError, BackendUnavailable
from ciao.k8s.base import CONFIG_MAPS, MERGE, PODS, Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.model import CleanPolicy, Outcome, Phase

__all__ = ["AWAY", "announce", "close", "delete", "emptied", "once_reached", "pods_of", "remove_job"]

LATE = 5.0
"""Seconds beyond the grace period in which the last pod must be gone."""

LOOK_EVERY, LOOK_SLOWLY = 0.2, 1.0
"""Seconds between two looks at what is being deleted: at first, and after a while."""

AWAY = 300.0
"""Seconds for which a job is still cancelled while the cluster is away."""

TRY_EVERY = 2.0
"""Seconds between two tries at that, each of which tries several times itself."""

NOT_FOUND = 404

BACKGROUND = {"propagationPolicy": "Background"}


async def close(api: Api, found: Found, outcome: Outcome, *, uid: str) -> None:
    """After a job has ended: write on it how, end what still runs, remove its pods if that was asked for.

    A right that is missing for one of them is no reason to hide the outcome: it is done without. The ``uid`` keeps it
    from an object of the same name that somebody else has made since, for another attempt.
    """
    body = outcome_note(outcome)
    body["metadata"]["uid"] = uid
    if _runs_on(found, outcome):
        body["spec"] = {"suspend": True} if found.kind.operator is None else {"runPolicy": {"suspend": True}}
    path = found.kind.resource.path(namespace=found.namespace, name=found.job.name)
    with contextlib.suppress(BackendError):
        await api.request("PATCH", path, body=body, content=MERGE)
    if found.spec.clean_policy is CleanPolicy.ALL:
        with contextlib.suppress(BackendError):
            await api.request("DELETE", PODS.path(namespace=found.namespace), params={"labelSelector": _mine(found)})


async def announce(api: Api, found: Found) -> Outcome:
    """Write on a job that it is cancelled, for those who watch it: else somebody unknown has deleted it."""
    outcome = Outcome(phase=Phase.CANCELLED, ended=time.time())
    path = found.kind.resource.path(namespace=found.namespace, name=found.job.name)
    with contextlib.suppress(ApiError):  # gone, or ours to delete but not to change
        await api.request("PATCH", path, body=outcome_note(outcome), content=MERGE)
    return outcome


async def remove_job(api: Api, found: Found) -> None:
    """Delete the object and its ConfigMap; its pods go with it, after their grace period.

    Images stay: other jobs may use the same.
    """
    if not images_in(found.manifest):
        with contextlib.suppress(ApiError):
            params = {"labelSelector": _mine(found)}
            await api.request("DELETE", CONFIG_MAPS.path(namespace=found.namespace), params=params)
    path = found.kind.resource.path(namespace=found.namespace, name=found.job.name)
    try:
        await api.request("DELETE", path, params=BACKGROUND)
    except ApiError as error:
        if error.code != NOT_FOUND:
            raise


async def once_reached(cancel: Callable[[], Awaitable[Outcome]], *, name: str, patience: float) -> Outcome:
    """Cancel a job, again and again while the cluster cannot be reached; at most for so many seconds.

    Raises BackendUnavailable, which says that the job may go on.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await cancel()
        except BackendUnavailable as error:
            if time.monotonic() > deadline:
                words = f"the job {name} was not cancelled, and may go on: {error.message}"
                raise BackendUnavailable(words, hint=f"`%ciao cancel {name}` once the cluster is back") from error
        await asyncio.sleep(TRY_EVERY)


async def delete(api: Api, found: Found, *, grace: float) -> bool:
    """Delete the job, and return when its last pod is gone; False if one is still there after grace and a little."""
    await remove_job(api, found)
    return await emptied(api, found.job.name, namespace=found.namespace, grace=grace)


async def emptied(api: Api, job: str, *, namespace: str, grace: float) -> bool:
    """Return when the last pod of a job that is deleted is gone; False if one is there after grace and a little."""
    deadline = time.monotonic() + grace + LATE
    pause = LOOK_EVERY
    while await _pods(api, job, namespace=namespace, limit=1):  # the job is gone at once, its pods a while later
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(LOOK_SLOWLY, 1.2 * pause)
    return True


async def pods_of(api: Api, found: Found) -> list[Manifest]:
    """All that there are."""
    return await _pods(api, found.job.name, namespace=found.namespace)


async def _pods(api: Api, job: str, *, namespace: str, limit: int = 0) -> list[Manifest]:
    """All, or as many as are wanted: those of a wide job are megabytes."""
    params = {"labelSelector": f"{JOB}={job}"} | ({"limit": str(limit)} if limit else {})
    answer = await api.request("GET", PODS.path(namespace=namespace), params=params)
    return list(answer.get("items") or ())


def _mine(found: Found) -> str:
    return f"{JOB}={found.job.name}"


def _runs_on(found: Found, outcome: Outcome) -> bool:
    """Whether the operator lets the others run, or tries again: it sees no end, or only a restart.

    An operator of v1 sees what a container's exit code tells, and ends the others by itself. Suspending a job is what
    ends its pods and keeps its object.
    """
    if outcome.phase is not Phase.FAILED or outcome.failure is None:
        return False
    return found.kind.operator is None or outcome.failure.kind in ("timeout", "start", "lost")
