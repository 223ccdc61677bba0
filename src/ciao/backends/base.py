"""The seam between the pipeline and the place where jobs run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from ciao.model import Bundle, Event, Job, JobSpec, Notice, Outcome, Standing, Summary, Target

__all__ = ["Backend"]


class Backend(Protocol):
    """Creates jobs, watches them, ends them and finds them again.

    Every method may raise BackendError; those that take a name raise JobNotFound.
    """

    @property
    def name(self) -> str:
        """``local`` or ``kubeflow``, as in ``%backend=``."""

    @property
    def where(self) -> str:
        """What the first line of the output names: ``local``, or context and namespace."""

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        """What this backend does otherwise than asked. Raises CreateRefused for what would change the run."""

    async def target(self, spec: JobSpec) -> Target:
        """What the packing of the code needs to know of the place where it will run. Creates nothing."""

    async def plan(self, spec: JobSpec, job: Job, bundle: Bundle) -> str:
        """What :meth:`create` would create, as YAML. Creates nothing."""

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        """Start the job. It then lives on its own: the death of this process does not end it."""

    def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
        """All that happens to a job, from its first line, exactly once; follows it to its end.

        Yields ReplicaChanged, Lines, Attempt and Notice, then Finished as the last. Close it with ``aclosing``.
        A backend that follows only so many logs at once follows that of ``replica`` besides.
        """

    async def cancel(self, name: str) -> Outcome:
        """End the job and return when no replica is left (at most the grace period and a little).

        Of a job that has ended already, the outcome it had. The log stays.
        """

    async def delete(self, name: str) -> None:
        """Cancel the job if it runs, and remove all that is known of it."""

    async def jobs(self) -> Sequence[Summary]:
        """Every job that is known, newest first."""

    async def job(self, name: str) -> Summary:
        """One job."""

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        """Where each process of the job stands, of every replica in order or of one; it goes on meanwhile.

        Who gives no answer is among them, with the reason. Raises BackendError for a job that has ended, and if nobody
        may, or can, be asked.
        """
