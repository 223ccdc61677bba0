"""The seam between the interpreter and what carries the code."""

from __future__ import annotations

from typing import Protocol

from ciao.model import Bundle, Job, JobSpec

__all__ = ["S2IClient"]


class S2IClient(Protocol):
    """Source to image, or to whatever else a backend takes."""

    @property
    def name(self) -> str:
        """What ``%ciao plan`` and ``doctor`` call this strategy."""

    async def build(self, spec: JobSpec, job: Job) -> Bundle:
        """Put the code, byte for byte, where the job's replicas can get it.

        Creates nothing on the backend. Raises BundleError or StateError, and then leaves nothing behind.
        """
