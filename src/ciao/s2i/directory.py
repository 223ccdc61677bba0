"""The strategy of the local backend: the code goes into a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from ciao.home import RUNNER, JobFolder, writing
from ciao.model import Folder, Job, JobSpec, Target
from ciao.s2i.base import Tell
from ciao.s2i.sources import runner_folder
from ciao.settings import Settings

__all__ = ["Directory"]


class Directory:
    """Writes the cell's file and a copy of the runner into the job's own ``code`` folder.

    A copy, so that a job that outlives an upgrade of Ciao keeps the runner it was started with.
    """

    name = "directory"

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home

    async def plan(self, spec: JobSpec, target: Target) -> Folder:  # noqa: ARG002  # the seam's
        """The folder has its name with the job."""
        return Folder(path=self._home, entry=spec.cell.filename)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Folder:  # noqa: ARG002  # the seam's
        """Raises StateError if the folder cannot be written; nothing is left then."""
        folder = JobFolder.of(self._home, job.name)
        folder.create()
        with writing(folder):
            folder.code.mkdir(mode=0o700)
            (folder.code / spec.cell.filename).write_bytes(spec.code.encode())
            _copy_runner(folder.code / RUNNER)
        return Folder(path=folder.code, entry=spec.cell.filename)


def _copy_runner(target: Path) -> None:
    """Times of change are kept, so that what Python has compiled stays valid: each replica starts sooner."""
    shutil.copytree(runner_folder(), target, copy_function=shutil.copy2)
