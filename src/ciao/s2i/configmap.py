"""The strategy without a registry: the code travels as text in a ConfigMap, which the backend creates."""

from __future__ import annotations

from pathlib import Path

from ciao.errors import BundleError
from ciao.model import Files, Job, JobSpec, Target
from ciao.s2i.base import Tell
from ciao.s2i.context import Context, content_of, gather
from ciao.s2i.layer import Entry
from ciao.s2i.sources import runner_sources
from ciao.settings import Settings

__all__ = ["LIMIT", "ConfigMap", "bundle_of", "files_of"]

LIMIT = 1024 * 1024
"""Bytes that Kubernetes allows in one ConfigMap: texts and binary contents, these before they become base64."""

OVERHEAD = 300
"""At most this much of it goes into the key of each file."""


class ConfigMap:
    """Gives the cell and the runner as they are. Creates nothing: what belongs to a job is made by its backend."""

    name = "configmap"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings(home=Path())

    async def plan(self, spec: JobSpec, target: Target) -> Files:  # noqa: ARG002  # the seam's
        """The same as is built."""
        return await self._bundle(spec, lambda _: None)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Files:  # noqa: ARG002  # the seam's
        """Raises BundleError, before anything is sent, for code that a ConfigMap cannot hold."""
        return await self._bundle(spec, tell)

    async def _bundle(self, spec: JobSpec, tell: Tell) -> Files:
        if spec.packages:
            hint = "Name a registry, s2i.registry in config.yaml, or an image that has the packages: %image="
            raise BundleError("a ConfigMap carries files, and no packages for %package=", hint=hint)
        return bundle_of(await gather(spec, self._settings, tell))


def files_of(spec: JobSpec) -> Files:
    """The bundle of a spec that includes nothing. Raises BundleError if it is too large."""
    runner = (Entry(path=path, source=text.encode()) for path, text in runner_sources().items())
    code = Entry(path=spec.cell.filename, source=spec.code.encode())
    return bundle_of(Context(entry=code.path, entries=(code, *runner)))


def bundle_of(context: Context) -> Files:
    """Everything as texts and bytes. Raises BundleError if it is too large."""
    contents = {entry.path: content_of(entry) for entry in context.entries}
    asked = {entry.path for entry in context.included} | {context.entry}
    size = sum(len(contents[path]) for path in asked)
    room = LIMIT - sum(len(contents[path]) for path in contents.keys() - asked) - OVERHEAD * len(contents)
    if size > room:
        raise _too_large(size, room, includes=bool(context.included))
    return Files(
        entry=context.entry,
        files={path: _as_text(content) for path, content in contents.items()},
        executable=frozenset(entry.path for entry in context.entries if entry.executable),
    )


def _too_large(size: int, room: int, *, includes: bool) -> BundleError:
    what, verb = ("the cell and what it includes", "have") if includes else ("the cell's code", "has")
    volume = "a file that the replicas read, such as one in a claim: %volume=CLAIM:/data"
    hint = f"Put large data into {volume}"
    if includes:
        hint = f"Name a registry, for an image has room: s2i.registry in config.yaml. Or put large data into {volume}"
    return BundleError(f"{what} {verb} {size:,} bytes, and a ConfigMap has room for {room:,}", hint=hint)


def _as_text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
