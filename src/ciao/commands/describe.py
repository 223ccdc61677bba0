"""``ciao describe``: all that is known of one job, and where its files are."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Chosen, Own
from ciao.home import JobFolder
from ciao.session import FOLDERS

__all__ = ["Places", "describe", "places"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of a job on this machine; None for one that is not there. ``files`` are those in ``work``."""

    work: Path | None
    logs: Path | None
    files: int = 0


async def describe(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Chosen:
    """The job of this name; without one, the newest, the asker's own before others. Raises JobNotFound."""
    chosen = await choose.newest(backend, name, own=own)
    return replace(chosen, summary=await backend.job(chosen.name))


def places(home: Path, chosen: Chosen) -> Places:
    """Where the files of a job are, as far as they are on this machine."""
    folder = JobFolder.of(home / FOLDERS[chosen.summary.job.backend], chosen.name)
    work, logs = (path if path.is_dir() else None for path in (folder.work, folder.logs))
    return Places(work=work, logs=logs, files=sum(len(files) for _, _, files in os.walk(folder.work)))
