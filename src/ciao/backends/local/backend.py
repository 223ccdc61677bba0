"""The local backend: each replica is a process of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ciao.backends.dumps import check_runs, complete, standings
from ciao.backends.local.asked import cores_of, gpus_of
from ciao.backends.local.devices import cores, gpus
from ciao.backends.local.interpreters import check_module, usable_python
from ciao.backends.local.launch import Launch, launch, overridden
from ciao.backends.local.meaning import refuse, told, without_meaning
from ciao.backends.local.mpi import mpirun
from ciao.backends.local.ports import FIRST, reserve
from ciao.backends.local.processes import measurable
from ciao.backends.local.pruning import prune_jobs
from ciao.backends.local.room import available, crowded, lacking
from ciao.backends.local.shares import Shares, claim, share
from ciao.backends.local.starting import start
from ciao.backends.local.watching import history, watch
from ciao.backends.names import not_found
from ciao.errors import BackendError, CreateRefused, JobNotFound, StateError
from ciao.home import JobFolder, writing
from ciao.logs import rotation
from ciao.model import (
    Bundle,
    CleanPolicy,
    Event,
    Folder,
    Job,
    JobSpec,
    Notice,
    Outcome,
    Phase,
    Standing,
    Summary,
    Target,
)
from ciao.runner import stacks
from ciao.settings import Settings

__all__ = ["Local"]

LATE = 3.0
"""Seconds beyond the grace period after which a supervisor that was told to cancel is killed."""


class Local:
    """Runs the replicas of a job as processes, below a supervisor that outlives this process."""

    name = "local"
    where = "local"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        """Notes what has no meaning on one machine. Raises CreateRefused for what would change the run."""
        refuse(spec, most=self._settings.local_replicas)
        python = await asyncio.to_thread(self._python, spec)  # it may start one, to ask for its version
        if spec.framework == "mpi":
            mpirun(python)
        if spec.elastic is not None and not spec.packages:
            await asyncio.to_thread(check_module, python, "torch")
        notices = []
        if unmet := without_meaning(spec, memory=measurable(), gpu=bool(gpus() and gpus_of(spec))):
            notices.append(Notice(text=told(unmet)))
        notices += _wanting(spec)
        if hidden := overridden(spec):
            words = f"%env. has no effect on {', '.join(hidden)}: the job sets it for each replica"
            notices.append(Notice(level="warning", text=words))
        if spec.clean_policy is CleanPolicy.NONE:  # nobody would end them later, as on a cluster
            notices.append(Notice(text="on the local backend cleanPolicy=none means running: what still runs is ended"))
        return tuple(notices)

    async def target(self, spec: JobSpec) -> Target:
        """The replicas' Python. Raises CreateRefused if there is none."""
        return Target(python=await asyncio.to_thread(self._python, spec))

    async def plan(self, spec: JobSpec, job: Job, bundle: Bundle) -> str:  # noqa: ARG002  # the code's folder is known
        """The processes, as YAML. Ports, cores and GPUs are examples: free ones are chosen at the start."""
        import yaml

        folder = JobFolder.of(self._settings.home, job.name)
        ports = range(FIRST, FIRST + len(job.replicas))
        planned = self._launch(spec, job, folder.code, ports)
        planned = planned.with_shares(share(cores_of(spec), cores()), share(gpus_of(spec), gpus()))
        body = {"backend": self.name, "job": job.name, "folder": str(folder.path), **planned.as_json()}
        return yaml.safe_dump(_plain(body), sort_keys=False, allow_unicode=True, width=10_000)

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        """Start the supervisor. Raises StateError or CreateRefused, and then nothing is left behind."""
        if not isinstance(bundle, Folder):
            raise CreateRefused(
                "the local backend takes code in a folder", hint="Remove %s2i=, or use %backend=kubeflow"
            )
        folder = JobFolder.of(self._settings.home, job.name)
        with writing(folder):
            reservation = reserve(len(job.replicas), folder=self._settings.home / "ports")
            own: Shares[int] = Shares()
            seen: Shares[str] = Shares()
            try:
                own = claim(cores_of(spec), cores(), folder=self._settings.home / "cores")
                seen = claim(gpus_of(spec), gpus(), folder=self._settings.home / "gpus")
                planned = self._launch(spec, job, bundle.path, reservation.ports).with_shares(own.of, seen.of)
                start(folder, job, planned, (*reservation.locks, *own.locks, *seen.locks))
            finally:
                for held in (reservation, own, seen):
                    held.release()
        await asyncio.to_thread(  # a long list of jobs takes a moment, in which the replicas already start
            prune_jobs,
            self._settings.home,
            keep_for=self._settings.keep_for,
            keep_bytes=self._settings.keep_bytes,
            now=time.time(),
        )

    def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:  # noqa: ARG002 - all are
        """Reads the job's folder; any number of watchers may."""
        return watch(self._folder(name))

    async def cancel(self, name: str) -> Outcome:
        """SIGTERM to the supervisor, which ends the replicas within the grace period."""
        folder = self._named(name)
        if folder.path.exists() and not folder.job_file.exists():
            folder.remove()  # cancelled between the bundle and the job
            return Outcome(phase=Phase.CANCELLED, ended=time.time())
        folder = self._folder(name)
        if folder.supervised():
            await self._end(folder)
        outcome = history(folder).outcome
        return outcome or Outcome(phase=Phase.CANCELLED, ended=time.time())

    async def delete(self, name: str) -> None:
        """End the job if it runs, and remove its folder."""
        await self.cancel(name)
        self._folder(name).remove()

    async def jobs(self) -> Sequence[Summary]:
        """From the folders; newest first. A folder that cannot be read is left out."""
        found = []
        for folder in JobFolder.all(self._settings.home):
            with contextlib.suppress(StateError, OSError):
                found.append(history(folder).summary())
        return sorted(found, key=lambda s: s.job.created, reverse=True)

    async def job(self, name: str) -> Summary:
        """From the job's folder."""
        return history(self._folder(name)).summary()

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        """Asks the processes themselves, which say whose they are: the supervisor has no part in it."""
        folder = self._folder(name)
        summary = history(folder).summary()
        check_runs(summary)
        if sys.platform != "linux":
            hint = "`kill -USR1 PID` makes a replica write its stacks into its log; `ps` tells the PID"
            raise BackendError("only Linux can be asked where processes stand", hint=hint)
        told = await asyncio.to_thread(stacks.ask, name, str(folder.code), replica=replica or "")
        return complete(summary, standings(told), replica=replica)

    def _named(self, name: str) -> JobFolder:
        """The folder that a job of this name has or would have."""
        try:
            return JobFolder.of(self._settings.home, name)
        except ValueError:
            raise self._not_found(name) from None

    def _folder(self, name: str) -> JobFolder:
        folder = self._named(name)
        if not folder.job_file.exists():
            raise self._not_found(name)
        return folder

    def _not_found(self, name: str) -> JobNotFound:
        known = [f.path.name for f in JobFolder.all(self._settings.home)]
        return not_found(name, known, where="this machine")

    def _python(self, spec: JobSpec) -> str:
        wanted = spec.python or self._settings.python
        return usable_python(wanted) if wanted else sys.executable

    def _launch(self, spec: JobSpec, job: Job, code: Path, ports: Sequence[int]) -> Launch:
        work = JobFolder.of(self._settings.home, job.name).work
        python = self._python(spec)
        program = mpirun(python) if spec.framework == "mpi" else ""
        planned = launch(
            spec,
            job=job.name,
            code=code,
            work=work,
            ports=ports,
            python=python,
            grace=self._settings.grace,
            mpirun=program,
        )
        keep = rotation.share(self._settings.keep_log, replicas=len(job.replicas), of=self._settings.keep_bytes)
        return replace(planned, keep_log=keep)

    async def _end(self, folder: JobFolder) -> None:
        """Tell the supervisor, once it has an id, and wait for its end; kill it if that takes too long."""
        with contextlib.suppress(OSError):  # the mark tells a supervisor that cannot listen yet; a disk may be full
            folder.cancel_file.touch(mode=0o600)
        deadline = time.monotonic() + self._settings.grace + LATE
        told = None
        while folder.supervised():
            pid = folder.supervisor_pid()
            if pid is not None and pid != told:
                _signal(pid, signal.SIGTERM)
                told = pid
            if pid is not None and time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)


def _wanting(spec: JobSpec) -> Iterator[Notice]:
    """What this machine has too little of."""
    if (asked := sum(gpus_of(spec).values())) > len(gpus()) > 0:
        words = f"the replicas ask for {asked} GPUs, and {len(gpus())} are here: some see all of them"
        yield Notice(level="warning", text=words)
    if short := lacking(spec, room=available()):
        yield Notice(level="warning", text=short)
    if slow := crowded(spec, cores=len(cores())):
        yield Notice(text=slow)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _plain(value: object) -> object:
    """What YAML writes without tags."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
