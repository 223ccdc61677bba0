"""The seam between the interpreter and what carries the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ciao.model import Bundle, Job, JobSpec, Notice, Packing, Target

__all__ = ["S2IClient", "Tell"]

Tell = Callable[[Packing | Notice], None]
"""Told of progress and of what a person should know. It is quick, and may be called as often as there is news."""


class S2IClient(Protocol):
    """Source to image, or to whatever else a backend takes. One value serves one job at a time."""

    @property
    def name(self) -> str:
        """The strategy as ``%s2i=`` takes it."""

    async def plan(self, spec: JobSpec, target: Target) -> Bundle:
        """What :meth:`build` would return, as far as that is known without making anything.

        Pushes nothing and writes nothing, but may read from a registry. An image whose digest is not known yet has the
        tag ``planned``. Raises BundleError for what would not be built.
        """

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Bundle:
        """Put the code, byte for byte, where the job's replicas can get it.

        Creates nothing of the job on the backend. Raises BundleError or StateError: what was left behind by then is
        referenced by nothing. It can be cancelled at any point.
        """
