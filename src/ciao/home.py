"""``$CIAO_HOME``: where jobs live on this machine, one folder each below ``jobs``.

::

    jobs/pytorch-x2v9q/
        job.json          what the job is (schema version in it); its presence makes the folder a job
        launch.json       what the supervisor starts: commands, environment, rules
        lock              held by the supervisor for as long as it lives; contains its process id
        cancel            present once the job was cancelled
        journal.jsonl     what happened, one JSON object a line, written by the supervisor alone
        journal.jsonl.reserve  room for its end, should the disk be full; while the job runs
        supervisor.log    what the supervisor itself had to say
        code/             the cell's file and the runner
        work/             the replicas' working directory
        included.json     what was put there for them
        logs/worker-0.log every line of a replica, stamped; of a long one more pieces, see logs/rotation.py
    untold/pytorch-x2v9q  some kernel is to tell how the job ended, see frontends/notebook/untold.py
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ciao.errors import StateError
from ciao.model import Job, Replica

__all__ = ["RUNNER", "SCHEMA", "JobFolder", "make_private", "writing"]

SCHEMA = 1
"""Version of the folder's layout and files."""

RUNNER = "ciao_runner"
"""What the runner's folder is called beside the cell's file."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
"""What a job may be called. It becomes a path: nothing that is empty, has a slash or begins with a dot."""

_REMOVED = ".removed"


@dataclass(frozen=True)
class JobFolder:
    """The paths of one job, and what is in its small files."""

    path: Path

    @classmethod
    def of(cls, home: Path, name: str) -> JobFolder:
        """The folder of a job by its name, whether it exists or not. ValueError for what no job is called."""
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not a job's name: {name!r}")
        return cls(home / "jobs" / name)

    @classmethod
    def all(cls, home: Path) -> list[JobFolder]:
        """Every folder that holds a job. Raises StateError if the folder of jobs cannot be read."""
        return [f for f in map(cls, _entries(home)) if _NAME.fullmatch(f.path.name) and f.job_file.exists()]

    @classmethod
    def unfinished(cls, home: Path) -> list[JobFolder]:
        """What holds no job: one is being created there, or its creation or removal was cut short."""
        jobs = {f.path for f in cls.all(home)}
        return [cls(p) for p in _entries(home) if p not in jobs and p.is_dir()]

    @property
    def job_file(self) -> Path:
        """What the job is."""
        return self.path / "job.json"

    @property
    def launch_file(self) -> Path:
        """What the supervisor starts."""
        return self.path / "launch.json"

    @property
    def lock_file(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.path / "lock"

    @property
    def cancel_file(self) -> Path:
        """Present once the job was cancelled."""
        return self.path / "cancel"

    @property
    def journal_file(self) -> Path:
        """What happened."""
        return self.path / "journal.jsonl"

    @property
    def reserve_file(self) -> Path:
        """Room for the journal's end."""
        return self.path / "journal.jsonl.reserve"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor itself had to say."""
        return self.path / "supervisor.log"

    @property
    def code(self) -> Path:
        """The cell's file and the runner."""
        return self.path / "code"

    @property
    def work(self) -> Path:
        """The replicas' working directory."""
        return self.path / "work"

    @property
    def included_file(self) -> Path:
        """What was put into the working directory before the job began."""
        return self.path / "included.json"

    @property
    def logs(self) -> Path:
        """The replicas' logs."""
        return self.path / "logs"

    def log_file(self, replica: str) -> Path:
        """The log of one replica."""
        return self.logs / f"{replica}.log"

    @property
    def removed(self) -> bool:
        """It was renamed in order to be deleted."""
        return self.path.name.endswith(_REMOVED)

    def create(self) -> None:
        """Make the folder, for this user alone. Raises StateError, also if it is there: it is then another job's."""
        try:
            make_private(self.path.parent)
            self.path.mkdir(mode=0o700)
        except OSError as e:
            raise _unwritable(self, e) from e

    def read_job(self) -> Job:
        """The job this folder holds; StateError if a later or damaged version wrote it."""
        try:
            data = json.loads(self.job_file.read_bytes())
            if data["schema"] != SCHEMA:
                raise StateError(
                    f"{self.job_file} has schema {data['schema']}, this version reads {SCHEMA}",
                    hint="Use the version of Ciao that made it, or delete the folder",
                )
            return _job(self.path.name, data["job"])
        except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as e:
            raise StateError(f"{self.job_file} cannot be read ({e})", hint="Delete the folder") from e

    def write(self, path: Path, data: Mapping[str, Any]) -> None:
        """Write a small file of JSON for this user alone, whole or not at all."""
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(data, indent=1) + "\n")
        part.replace(path)

    def supervised(self) -> bool:
        """Whether a supervisor lives: it holds the lock. Two askers do not disturb each other."""
        try:
            with self.lock_file.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError as e:
            if e.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return True
            raise
        return False

    def supervisor_pid(self) -> int | None:
        """The supervisor's process id, while it lives."""
        try:
            return int(self.lock_file.read_text()) if self.supervised() else None
        except (FileNotFoundError, ValueError):
            return None

    @property
    def has_files(self) -> bool:
        """Replicas left something in their working directory."""
        return next(self.made(), None) is not None

    def note_included(self, names: Iterable[str]) -> None:
        """Remember what was put into the working directory, by its paths there: it is a copy, and nobody's work."""
        self.write(self.included_file, {name: _state(self.work / name) for name in names})

    def made(self) -> Iterator[str]:
        """Files in the working directory that replicas wrote or changed, by their paths there, in no order."""
        try:
            included = json.loads(self.included_file.read_bytes())
        except (OSError, ValueError):
            included = {}
        for folder, folders, files in os.walk(self.work):
            folders[:] = [name for name in folders if name != "__pycache__"]  # Python's own, of what was included
            for file in files:
                path = Path(folder, file)
                name = path.relative_to(self.work).as_posix()
                if name not in included or included[name] != _state(path):
                    yield name

    def strip(self) -> None:
        """Delete log and code; what the job was, how it ended and the files of its replicas stay."""
        for part in (self.logs, self.code):
            shutil.rmtree(part, ignore_errors=True)

    def size(self) -> int:
        """Bytes of all files in it but those that its replicas wrote, as far as they can be read."""
        total = 0
        for folder, folders, files in os.walk(self.path):
            if folder == str(self.path) and self.work.name in folders:
                folders.remove(self.work.name)
            for file in files:
                try:
                    total += os.lstat(os.path.join(folder, file)).st_size  # noqa: PTH118  # os.walk gives text
                except OSError:
                    continue
        return total

    def remove(self) -> None:
        """Delete the folder and all that is in it; what cannot be deleted stays.

        It is renamed first, so that nobody ever sees half a job.
        """
        gone = self.path.with_name(f".{self.path.name}.{os.getpid()}{_REMOVED}")
        try:
            self.path.rename(gone)
        except OSError:
            gone = self.path
        shutil.rmtree(gone, ignore_errors=True)


def _state(path: Path) -> list[int] | None:
    """Another one after every change; None for what is gone."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _job(name: str, data: Mapping[str, Any]) -> Job:
    """Checked, because a damaged file must not break the list of all jobs. The folder's name is the job's."""
    created = float(data["created"])
    if not math.isfinite(created):
        raise ValueError(f"created is {created}")
    return Job(
        name=name,
        replicas=tuple(str(Replica.parse(_text(r))) for r in data["replicas"]),
        created=created,
        **{k: _text(data[k]) for k in ("backend", "framework", "cell", "notebook", "code_hash")},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def make_private(folder: Path) -> None:
    """Create a folder, and those above it that are missing, for this user alone."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


_DISK_WORDS = {
    errno.ENOSPC: ("the disk is full", "Free some space, or set CIAO_HOME to a folder on another disk"),
    errno.EDQUOT: ("your disk quota is used up", "Free some space, or set CIAO_HOME to a folder on another disk"),
    errno.EROFS: ("the file system is read-only", "Set CIAO_HOME to a folder that can be written"),
    errno.EACCES: ("permission denied", "Set CIAO_HOME to a folder that can be written"),
    errno.EPERM: ("permission denied", "Set CIAO_HOME to a folder that can be written"),
}


@contextmanager
def writing(folder: JobFolder) -> Iterator[None]:
    """Turn what the disk says into a StateError, and leave nothing half-written behind, whatever went wrong."""
    try:
        yield
    except BaseException as e:
        folder.remove()
        if isinstance(e, OSError):
            raise _unwritable(folder, e) from e
        raise


def _unwritable(folder: JobFolder, error: OSError) -> StateError:
    words, hint = _DISK_WORDS.get(error.errno or 0, (error.strerror or str(error), "Set CIAO_HOME to another folder"))
    if error.filename == str(folder.path) and isinstance(error, FileExistsError):
        words, hint = "it is there already", "Run the cell again: its job gets another name"
    return StateError(f"the job's folder {folder.path} cannot be written: {words}", hint=hint)


def _entries(home: Path) -> list[Path]:
    try:
        return sorted((home / "jobs").iterdir())
    except FileNotFoundError:
        return []
    except OSError as e:
        words = f"the folder of jobs {home / 'jobs'} cannot be read: {e.strerror}"
        raise StateError(words, hint="Set CIAO_HOME to a folder that can be read") from e
