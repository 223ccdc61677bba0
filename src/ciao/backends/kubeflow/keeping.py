"""What this machine keeps of a job on a cluster: its log, and how it ended.

A cluster forgets: pods are deleted with their logs, kubelets rotate them, a ttl removes the job. So whoever follows a
job writes what comes into ``$CIAO_HOME/kubeflow/jobs/NAME``, laid out as the folder of a local job, but for the logs::

    logs/worker-0.1.0.1f3a....log   every line of one container's life, in the form of logs/lines.py: the replica,
                                    the how manieth life, the number of its container's restarts, its pod's uid

The log of a container's life only grows, in pieces if it is long, and where to go on reading from the cluster follows
from its end: nothing else is written down, so that a process that is killed leaves nothing that could disagree with
it. One process at a time writes; others follow the job without.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from ciao.home import SCHEMA, JobFolder, make_private
from ciao.logs.resume import Mark
from ciao.logs.rotation import Pieces, following, share, starts
from ciao.model import Failure, FailureKind, Job, Outcome, Phase

__all__ = ["Keep", "Life", "read_outcome", "told_outcome"]

TAIL = 4 * 1024 * 1024
"""Bytes at the end of a log from which it is known where to go on."""

_LIFE = re.compile(r"(?P<replica>[a-z]+-\d+)\.(?P<order>\d+)\.(?P<restart>\d+)\.(?P<uid>[0-9a-zA-Z-]+)\.log")


@dataclass(frozen=True, kw_only=True)
class Life:
    """One life of a replica's container: between a start and its end."""

    replica: str
    uid: str
    restart: int = 0


class Keep:
    """The folder of one job. Nothing here raises for a disk that is full: following goes on without.

    Of each log ``keep_log`` bytes are kept, of many so much less that all have no more than ``keep_bytes``; see
    :mod:`ciao.logs.rotation`.
    """

    def __init__(self, home: Path, name: str, *, keep_log: int = 1 << 28, keep_bytes: int = 1 << 31) -> None:
        self.folder = JobFolder.of(home / "kubeflow", name)
        self._lock: int | None = None
        self._paths = _found(self.folder.logs)
        self._most, self._all = keep_log, keep_bytes
        self._pieces: dict[Life, Pieces] = {}

    @classmethod
    def all(cls, home: Path) -> list[Keep]:
        """Every job that is kept, by name."""
        return [cls(home, folder.path.name) for folder in JobFolder.all(home / "kubeflow")]

    def open(self, job: Job, **known: Any) -> bool:
        """Become the one who writes; ``known`` is what an attach needs besides the job. False: somebody else is, or
        it cannot be written.
        """
        self._most = share(self._most, replicas=len(job.replicas), of=self._all)
        try:
            make_private(self.folder.logs)
            self._lock = os.open(self.folder.lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self.folder.job_file.exists():
                self.folder.write(self.folder.job_file, {"schema": SCHEMA, "job": asdict(job), **known})
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let another write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def writes(self) -> bool:
        """We are the one who writes."""
        return self._lock is not None

    def append(self, life: Life, data: bytes) -> None:
        """Lines of one life, whole."""
        if self.writes:
            with contextlib.suppress(OSError), self._place(life, len(data)).open("ab") as file:
                file.write(data)

    def lives(self) -> tuple[Life, ...]:
        """All whose log is kept, those of each replica in the order in which they were lived."""
        return tuple(self._paths)

    def path(self, life: Life) -> Path:
        """Of its log."""
        if life not in self._paths:
            order = 1 + sum(known.replica == life.replica for known in self._paths)
            name = f"{life.replica}.{order}.{life.restart}.{life.uid}.log"
            self._paths[life] = self.folder.logs / name
        return self._paths[life]

    def tail(self, life: Life) -> Mark:
        """How far its log was kept; a line that was cut off by a crash is removed from it first."""
        path = str(self.path(life))
        with contextlib.suppress(OSError):
            self._pieces.pop(life, None)
            pieces = [Path(following(path, start)) for start in starts(path)]
            _mend(pieces[-1])
            data, whole = b"", False
            while pieces and len(data) < TAIL:
                before, whole = _end(pieces.pop(), TAIL - len(data))
                data, whole = before + data, whole and not pieces
            return Mark.behind(data if whole else data[data.find(b"\n") + 1 :], whole=whole)
        return Mark()

    def _place(self, life: Life, count: int) -> Path:
        """The file for the next bytes of this log."""
        if life not in self._pieces:
            self._pieces[life] = Pieces(str(self.path(life)), self._most)
        if (new := self._pieces[life].turn(count)) is not None:
            os.close(new)
        return Path(self._pieces[life].path)

    def job(self) -> Job:
        """What the job is. Raises StateError."""
        return self.folder.read_job()

    def known(self) -> dict[str, Any]:
        """What was given to ``open``; empty if it cannot be read."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return {
                k: v for k, v in json.loads(self.folder.job_file.read_bytes()).items() if k not in {"schema", "job"}
            }
        return {}

    def end(self, outcome: Outcome) -> None:
        """How it ended, without the frames of a traceback: those are in the log's records."""
        with contextlib.suppress(OSError):
            self.folder.write(self.folder.path / "outcome.json", told_outcome(outcome))

    def outcome(self) -> Outcome | None:
        """How it ended, if that is known."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            return read_outcome(json.loads((self.folder.path / "outcome.json").read_bytes()))
        return None

    def remove(self) -> None:
        """Delete all that is kept."""
        self.close()
        self.folder.remove()


def _found(logs: Path) -> dict[Life, Path]:
    found = []
    with contextlib.suppress(OSError):
        found = [(match, path) for path in logs.iterdir() if (match := _LIFE.fullmatch(path.name)) is not None]
    found.sort(key=lambda one: (one[0]["replica"], int(one[0]["order"])))
    return {Life(replica=m["replica"], uid=m["uid"], restart=int(m["restart"])): path for m, path in found}


def _end(path: Path, size: int) -> tuple[bytes, bool]:
    """The last bytes of a file, and whether these are all."""
    with path.open("rb") as file:
        start = max(0, os.fstat(file.fileno()).st_size - size)
        file.seek(start)
        return file.read(), start == 0


def _mend(path: Path) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL)
        file.seek(start)
        whole = file.read().rfind(b"\n") + 1
        if start + whole < size and (whole or start == 0):
            file.truncate(start + whole)


def told_outcome(outcome: Outcome, *, longest: int = 64 * 1024) -> dict[str, Any]:
    """As JSON; of each error at most so many characters."""
    parts = {"failure": (outcome.failure,) if outcome.failure else (), "others": outcome.others}
    return {
        **{k: getattr(outcome, k) for k in ("phase", "ended", "attempts", "message", "hint")},
        **{k: [_failure(f, longest) for f in v] for k, v in {**parts, "previous": outcome.previous}.items()},
    }


def _failure(failure: Failure, longest: int) -> dict[str, Any]:
    told = {k: getattr(failure, k) for k in ("replica", "kind", "time", "ename", "evalue", "secondary", "rank")}
    return {**told, "evalue": failure.evalue[:longest]}


def read_outcome(data: Mapping[str, Any]) -> Outcome:
    """What :func:`told_outcome` gave. Raises ValueError, LookupError or TypeError for anything else."""
    failure, others, previous = (_failures(data[k]) for k in ("failure", "others", "previous"))
    return Outcome(
        phase=Phase(data["phase"]),
        ended=float(data["ended"]),
        failure=failure[0] if failure else None,
        others=others,
        previous=previous,
        attempts=int(data["attempts"]),
        message=str(data["message"]),
        hint=str(data["hint"]),
    )


def _failures(data: Sequence[Mapping[str, Any]]) -> tuple[Failure, ...]:
    return tuple(
        Failure(
            replica=str(one["replica"]),
            kind=_KINDS[one["kind"]],
            time=float(one["time"]),
            ename=str(one["ename"]),
            evalue=str(one["evalue"]),
            secondary=one["secondary"] is True,
            rank=int(one["rank"]) if one.get("rank") is not None else None,
        )
        for one in data
    )


_KINDS: Mapping[str, FailureKind] = {kind: kind for kind in get_args(FailureKind)}
