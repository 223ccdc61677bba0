"""Which folders of jobs are removed when another job is created. Other processes may create and prune at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ciao.errors import StateError
from ciao.home import JobFolder
from ciao.logs.archive import Kept, prune

__all__ = ["prune_jobs"]

ABANDONED = 86400.0
"""Seconds after which a folder that is no job never becomes one: whoever created it died over it."""


def prune_jobs(home: Path, *, keep_for: float, keep_bytes: int, now: float) -> None:
    """Remove old jobs by the rule of settings, and what was left half-made; running jobs never.

    What a job's code wrote into its working directory is the user's: it stays, and only the rest goes.

    A folder without job.json may be one that is being created, and one that cannot be read may be gone already:
    neither counts. Never raises for the disk's sake: a job is not refused because an old one cannot be removed.
    """
    with contextlib.suppress(OSError, StateError):
        folders = {f.path.name: f for f in JobFolder.all(home)}
        kept = _kept(folders.values())
        for old in prune(kept, keep_for=keep_for, keep_bytes=keep_bytes, now=now):
            folders[old.name].strip() if folders[old.name].has_files else folders[old.name].remove()
        for folder in JobFolder.unfinished(home):
            with contextlib.suppress(OSError):
                if folder.removed or now - folder.path.stat().st_mtime > ABANDONED:
                    folder.remove()


def _kept(folders: Iterable[JobFolder]) -> Iterator[Kept]:
    for folder in folders:
        with contextlib.suppress(OSError):
            if folder.supervised():
                yield Kept(name=folder.path.name, size=0, running=True)
            else:
                yield Kept(name=folder.path.name, size=folder.size(), ended=_ended(folder))


def _ended(folder: JobFolder) -> float:
    """When the last entry was written. The folder's own time is that of its creation."""
    try:
        return folder.journal_file.stat().st_mtime
    except FileNotFoundError:
        return folder.path.stat().st_mtime
