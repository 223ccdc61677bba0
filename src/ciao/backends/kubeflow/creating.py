"""Creating a job: its objects one after the other, all or none of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence

from ciao.backends.kubeflow.configmaps import name_of
from ciao.backends.kubeflow.kinds import RUNTIMES
from ciao.backends.kubeflow.manifests import Manifests, owner
from ciao.errors import BackendError, CreateRefused
from ciao.k8s.base import CONFIG_MAPS, MERGE, Api, Manifest, Resource
from ciao.k8s.errors import ApiError

__all__ = ["create", "dry_run"]

STRICT = {"fieldValidation": "Strict"}
"""A field that the server does not know is refused, not dropped."""

UNHEARD = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds between tries to create a job whose runtime Trainer does not know yet: it hears of one as of any news."""

BAD, FORBIDDEN, MISSING, CONFLICT, INVALID = 400, 403, 404, 409, 422

_UNKNOWN = re.compile(r'unknown field "([^"]+)"')
_NO_RUNTIME = "specified trainingRuntime must be created before the TrainJob is created"
_IMAGE_VOLUME = re.compile(r"\bvolumes\[\d+\]\.image\b")


async def create(api: Api, made: Manifests, *, attempt: int = 1) -> str:
    """Create them; the uid of the job. Raises CreateRefused or another BackendError: then nothing is left behind.

    A cancellation is raised once all is created, so that the job is found and can be ended: a request that is given up
    may arrive all the same, and then after the one that was to undo it. Between two tries it undoes what was created.
    """
    cancelled = asyncio.Event()
    work = asyncio.ensure_future(_create(api, made, cancelled, attempt=attempt))
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled.set()
    uid = work.result()
    if cancelled.is_set():
        raise asyncio.CancelledError
    return uid


async def _create(api: Api, made: Manifests, cancelled: asyncio.Event, *, attempt: int) -> str:
    pauses = UNHEARD if made.runtime is not None else ()
    try:
        for resource, manifest in made.in_order:
            created = await _made(api, resource, manifest, cancelled, pauses=pauses)
        await _own(api, made, created, attempt=attempt)
    except BaseException:
        await _undo(api, made, attempt=attempt)
        raise
    return str(created["metadata"]["uid"])


async def dry_run(api: Api, made: Manifests) -> None:
    """Ask the server whether it would take them. Raises what :func:`create` would.

    A TrainJob whose runtime does not exist yet would be refused for that: it is not asked about.
    """
    for resource, manifest in made.in_order:
        if resource is made.kind.resource and made.runtime is not None and not await _exists(api, made.runtime):
            continue
        with _refused(resource, manifest), _already_there(resource):
            await api.request("POST", _path(resource, manifest), body=manifest, params={**STRICT, "dryRun": "All"})


async def _exists(api: Api, runtime: Manifest) -> bool:
    try:
        await api.request("GET", f"{_path(RUNTIMES, runtime)}/{runtime['metadata']['name']}")
    except ApiError as error:
        if error.code == MISSING:
            return False
        raise
    return True


@contextlib.contextmanager
def _already_there(resource: Resource) -> Iterator[None]:
    """A runtime of ours is shared."""
    try:
        yield
    except ApiError as error:
        if resource is not RUNTIMES or error.code != CONFLICT:
            raise


async def _made(
    api: Api, resource: Resource, manifest: Manifest, cancelled: asyncio.Event, *, pauses: Sequence[float]
) -> Manifest:
    """Create one, with so many ``pauses`` for Trainer to hear of a runtime that was made a moment ago."""
    for pause in pauses:
        try:
            return await _put(api, resource, manifest)
        except CreateRefused as error:
            if _NO_RUNTIME not in error.message:
                raise
        await _pause(pause, cancelled)
    return await _put(api, resource, manifest)


async def _pause(seconds: float, cancelled: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(cancelled.wait(), seconds)
        raise asyncio.CancelledError


async def _put(api: Api, resource: Resource, manifest: Manifest) -> Manifest:
    with _refused(resource, manifest):
        try:
            return await api.request("POST", _path(resource, manifest), body=manifest, params=STRICT)
        except ApiError as error:
            if error.code != CONFLICT:
                raise
            there = await api.request("GET", f"{_path(resource, manifest)}/{manifest['metadata']['name']}")
            if resource is RUNTIMES or _same(there, manifest):  # an answer that was lost, and so sent again
                return there
            raise


async def _own(api: Api, made: Manifests, job: Manifest, *, attempt: int) -> None:
    if made.code is None:
        return
    name = job["metadata"]["name"]
    body = owner(made.kind, name, job["metadata"]["uid"])
    path = CONFIG_MAPS.path(namespace=job["metadata"]["namespace"], name=name_of(name, attempt))
    await api.request("PATCH", path, body=body, content=MERGE)


async def _undo(api: Api, made: Manifests, *, attempt: int) -> None:
    """The runtime stays: other jobs may use it."""
    namespace, name = made.job["metadata"]["namespace"], made.job["metadata"]["name"]
    code = ((CONFIG_MAPS, name_of(name, attempt)),) if made.code else ()
    for resource, which in ((made.kind.resource, name), *code):
        with contextlib.suppress(BackendError):
            params = {"propagationPolicy": "Background"}
            await api.request("DELETE", resource.path(namespace=namespace, name=which), params=params)


def _path(resource: Resource, manifest: Manifest) -> str:
    return resource.path(namespace=manifest["metadata"]["namespace"])


def _same(there: Manifest, manifest: Manifest) -> bool:
    return bool(there["metadata"].get("annotations") == manifest["metadata"].get("annotations"))


@contextlib.contextmanager
def _refused(resource: Resource, manifest: Manifest) -> Iterator[None]:
    """What the server refuses for what is in it, as words about the job."""
    try:
        yield
    except ApiError as error:
        if error.code == BAD and (unknown := _UNKNOWN.findall(error.message)):
            raise _unknown(resource, unknown) from error
        if error.code == INVALID or (error.code == FORBIDDEN and "webhook" in error.message):
            name = manifest["metadata"]["name"]
            raise CreateRefused(
                f"the cluster refuses the {resource.kind} {name}: {error.message}", hint=error.hint
            ) from error
        raise


def _unknown(resource: Resource, fields: Sequence[str]) -> CreateRefused:
    """What is in no schema of the cluster: by a patch, or because its Kubeflow is older than image volumes."""
    words = f"the cluster's {resource.kind} has no field {', '.join(fields)}"
    if any(map(_IMAGE_VOLUME.search, fields)):
        return CreateRefused(words, hint="Its Kubeflow knows no image volumes: use %s2i=append or %s2i=configmap")
    return CreateRefused(words, hint="Correct %patch=")
