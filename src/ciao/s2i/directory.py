"""The strategy of the local backend: the code goes into a folder."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from ciao.home import RUNNER, JobFolder, writing
from ciao.model import Folder, Job, JobSpec, Target
from ciao.s2i.base import Tell
from ciao.s2i.context import FILES, MODULES, content_of, gather
from ciao.s2i.including.folder import notebook_folder
from ciao.s2i.layer import Entry
from ciao.s2i.sources import runner_folder
from ciao.settings import Settings

__all__ = ["Directory"]

SITE = "site"
"""What the folder of packages is called beside the cell's file."""


class Directory:
    """Writes the cell's file, a copy of the runner and included modules into the job's own ``code`` folder.

    A copy, so that a job that outlives an upgrade of Ciao keeps the runner it was started with. What belongs into the
    working directory is written there: all replicas share it.
    """

    name = "directory"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def plan(self, spec: JobSpec, target: Target) -> Folder:  # noqa: ARG002  # the seam's
        """The folder has its name with the job."""
        context = await gather(spec, self._settings, lambda _: None, here=True)
        if spec.packages:
            from ciao.s2i.packages.local import check

            await asyncio.to_thread(check, spec.packages, self._settings, notebook_folder(spec))
        return Folder(path=self._settings.home, entry=context.entry)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Folder:
        """Raises StateError if the folder cannot be written; nothing is left then."""
        context = await gather(spec, self._settings, tell, here=True)
        site = await self._site(spec, target, tell)
        folder = JobFolder.of(self._settings.home, job.name)
        folder.create()
        with writing(folder):
            folder.code.mkdir(mode=0o700)
            modules = {e.path: e for e in context.entries if e.path.startswith(MODULES)}
            _write(folder.code, {context.entry: context.code, **modules})
            _copy_runner(folder.code / RUNNER)
            if site is not None:
                (folder.code / SITE).symlink_to(site, target_is_directory=True)
            files = {e.path.removeprefix(FILES): e for e in context.entries if e.path.startswith(FILES)}
            if files:
                folder.work.mkdir(mode=0o700)
                _write(folder.work, files)
                folder.note_included(files)
        return Folder(path=folder.code, entry=context.entry)

    async def _site(self, spec: JobSpec, target: Target, tell: Tell) -> Path | None:
        """The packages that the cell asks for, which many jobs share. Made before there is a folder of the job."""
        if not spec.packages:
            return None
        from ciao.s2i.packages.local import local_site

        python = target.python or sys.executable
        return await local_site(spec.packages, python, self._settings, tell, folder=notebook_folder(spec))


def _write(folder: Path, entries: dict[str, Entry]) -> None:
    for name, entry in entries.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(entry))
        if entry.executable:
            path.chmod(0o755)


def _copy_runner(target: Path) -> None:
    """Times of change are kept, so that what Python has compiled stays valid: each replica starts sooner."""
    shutil.copytree(runner_folder(), target, copy_function=shutil.copy2)
