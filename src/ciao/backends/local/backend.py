"""The local backend: each replica is a process of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path

from ciao.backends.local.interpreters import usable_python
from ciao.backends.local.launch import Launch, base_environment, launch
from ciao.backends.local.ports import FIRST, Reservation, reserve
from ciao.backends.local.watching import history, watch
from ciao.errors import JobNotFound
from ciao.home import SCHEMA, JobFolder, writing
from ciao.logs.archive import Kept, prune
from ciao.model import Bundle, CleanPolicy, Event, Job, JobSpec, Notice, Outcome, Phase, Summary
from ciao.settings import Settings

__all__ = ["Local"]

SUPERVISE = (
    "import sys; sys.path.insert(0, sys.argv[1])\nfrom ciao.backends.local.supervisor import main\nmain(sys.argv[2])"
)
"""Imported rather than run as a file, so that Python compiles it once and not for each job."""

LATE = 3.0
"""Seconds beyond the grace period after which a supervisor that was told to cancel is killed."""


class Local:
    """Runs the replicas of a job as processes, below a supervisor that outlives this process."""

    name = "local"
    where = "local"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        """Notes what has no meaning on one machine. Raises CreateRefused for a Python that cannot run the cell."""
        self._python(spec)
        asked = [role.resources for role in spec.roles]
        unmet = [name for name in ("memory", "gpu") if any(getattr(r, name) for r in asked)]
        if spec.clean_policy is CleanPolicy.NONE:
            unmet.append("cleanPolicy=none")
        if not unmet:
            return ()
        return (Notice(text=f"the local backend does not apply {', '.join(unmet)}"),)

    def plan(self, spec: JobSpec, job: Job) -> str:
        """The processes, as YAML. The ports are examples: free ones are chosen at the start."""
        import yaml

        folder = JobFolder.of(self._settings.home, job.name)
        ports = range(FIRST, FIRST + len(job.replicas))
        planned = self._launch(spec, job, folder.code, ports).as_json()
        body = {"backend": self.name, "job": job.name, "folder": str(folder.path), **planned}
        return yaml.safe_dump(_plain(body), sort_keys=False, allow_unicode=True, width=10_000)

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        """Start the supervisor. Raises StateError or CreateRefused, and then nothing is left behind."""
        self._prune()
        folder = JobFolder.of(self._settings.home, job.name)
        with writing(folder):
            reservation = reserve(len(job.replicas), folder=self._settings.home / "ports")
            try:
                planned = self._launch(spec, job, bundle.path, reservation.ports)
                self._write(folder, job, planned)
                _start(folder, reservation)
            finally:
                reservation.release()

    def watch(self, name: str) -> AsyncGenerator[Event, None]:
        """Reads the job's folder; any number of watchers may."""
        return watch(self._folder(name))

    async def cancel(self, name: str) -> Outcome:
        """SIGTERM to the supervisor, which ends the replicas within the grace period."""
        folder = JobFolder.of(self._settings.home, name)
        if folder.path.exists() and not folder.job_file.exists():
            folder.remove()  # cancelled between the bundle and the job
            return Outcome(phase=Phase.CANCELLED, ended=time.time())
        folder = self._folder(name)
        if (pid := folder.supervisor_pid()) is not None:
            folder.cancel_file.touch()
            _signal(pid, signal.SIGTERM)
            await self._ended(folder, pid)
        outcome = history(folder).outcome
        return outcome or Outcome(phase=Phase.CANCELLED, ended=time.time())

    async def delete(self, name: str) -> None:
        """End the job if it runs, and remove its folder."""
        await self.cancel(name)
        self._folder(name).remove()

    async def jobs(self) -> Sequence[Summary]:
        """From the folders; newest first. A folder that cannot be read is left out."""
        from ciao.errors import StateError

        found = []
        for folder in JobFolder.all(self._settings.home):
            with contextlib.suppress(StateError):
                found.append(history(folder).summary())
        return sorted(found, key=lambda s: s.job.created, reverse=True)

    async def job(self, name: str) -> Summary:
        """From the job's folder."""
        return history(self._folder(name)).summary()

    def _folder(self, name: str) -> JobFolder:
        folder = JobFolder.of(self._settings.home, name)
        if "/" in name or not folder.job_file.exists():
            known = [f.path.name for f in JobFolder.all(self._settings.home)]
            near = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]}?" if near else "`%ciao jobs` lists them"
            raise JobNotFound(f"there is no job {name!r} on this machine", hint=hint)
        return folder

    def _python(self, spec: JobSpec) -> str:
        wanted = spec.python or self._settings.python
        return usable_python(wanted) if wanted else sys.executable

    def _launch(self, spec: JobSpec, job: Job, code: Path, ports: Sequence[int]) -> Launch:
        work = JobFolder.of(self._settings.home, job.name).work
        python = self._python(spec)
        return launch(spec, job=job.name, code=code, work=work, ports=ports, python=python, grace=self._settings.grace)

    def _write(self, folder: JobFolder, job: Job, planned: Launch) -> None:
        folder.work.mkdir()
        folder.logs.mkdir()
        folder.write(folder.launch_file, planned.as_json())
        folder.write(folder.job_file, {"schema": SCHEMA, "kernel": os.getpid(), "job": asdict(job)})

    async def _ended(self, folder: JobFolder, pid: int) -> None:
        deadline = time.monotonic() + self._settings.grace + LATE
        while folder.supervised():
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)

    def _prune(self) -> None:
        """Remove old jobs by the rule of settings; what is damaged is left for people to look at."""
        folders = {f.path.name: f for f in JobFolder.all(self._settings.home)}
        for kept in prune(
            map(_kept, folders.values()),
            keep_for=self._settings.keep_for,
            keep_bytes=self._settings.keep_bytes,
            now=time.time(),
        ):
            folders[kept.name].remove()


def _kept(folder: JobFolder) -> Kept:
    if folder.supervised():
        return Kept(name=folder.path.name, size=0, running=True)
    return Kept(name=folder.path.name, size=folder.size(), ended=folder.path.stat().st_mtime)


def _start(folder: JobFolder, reservation: Reservation) -> None:
    """Start the supervisor, holding the job's lock and the ports' locks."""
    lock = os.open(folder.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with folder.supervisor_log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", SUPERVISE, str(Path(__file__).parents[3]), str(folder.path)],
                env=base_environment(os.environ),
                cwd=folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock, *reservation.locks),
                start_new_session=True,
            )
        os.write(lock, str(process.pid).encode())
        threading.Thread(target=process.wait, name=f"ciao-reap-{folder.path.name}", daemon=True).start()
    finally:
        os.close(lock)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _plain(value: object) -> object:
    """What YAML writes without tags."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
