"""The strategy without a registry: the code travels as text in a ConfigMap, which the backend creates."""

from __future__ import annotations

from ciao.errors import BundleError
from ciao.model import Files, Job, JobSpec, Target
from ciao.s2i.base import Tell
from ciao.s2i.sources import runner_sources

__all__ = ["LIMIT", "ConfigMap", "files_of"]

LIMIT = 1024 * 1024
"""Bytes that Kubernetes allows in one ConfigMap: all its keys and texts together."""

OVERHEAD = 300
"""At most this much of it goes into the key of each file."""


class ConfigMap:
    """Gives the cell and the runner as they are. Creates nothing: what belongs to a job is made by its backend."""

    name = "configmap"

    async def plan(self, spec: JobSpec, target: Target) -> Files:  # noqa: ARG002  # the seam's
        """The same as is built."""
        return files_of(spec)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Files:  # noqa: ARG002  # the seam's
        """Raises BundleError, before anything is sent, for code that a ConfigMap cannot hold."""
        return files_of(spec)


def files_of(spec: JobSpec) -> Files:
    """The bundle of a spec. Raises BundleError if it is too large."""
    runner = runner_sources()
    room = LIMIT - sum(len(text.encode()) + OVERHEAD for text in runner.values()) - OVERHEAD
    size = len(spec.code.encode())
    if size > room:
        raise BundleError(
            f"the cell's code has {size:,} bytes, and a ConfigMap has room for {room:,}",
            hint="Put large data into a file that the replicas read, such as one in a claim: %volume=CLAIM:/data",
        )
    return Files(entry=spec.cell.filename, files={spec.cell.filename: spec.code, **runner})
