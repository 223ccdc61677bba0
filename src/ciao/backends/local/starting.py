"""Starting the supervisor of a job."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ciao.backends.local.launch import Launch, base_environment
from ciao.errors import CreateRefused
from ciao.home import SCHEMA, JobFolder
from ciao.model import Job

__all__ = ["start"]

SUPERVISE = (
    "import sys; sys.path.insert(0, sys.argv[1])\nfrom ciao.backends.local.supervisor import main\nmain(sys.argv[2])"
)
"""Imported rather than run as a file, so that Python compiles it once and not for each job."""


def start(folder: JobFolder, job: Job, planned: Launch, locks: Sequence[int]) -> None:
    """Make the folder a job, and start its supervisor, which inherits the job's lock and those of ports and cores.

    The lock is held before job.json is there: to others a job without one is a job whose supervisor died.
    Raises OSError if the folder cannot be written, CreateRefused if the supervisor cannot be started.
    """
    folder.work.mkdir(mode=0o700, exist_ok=True)  # what the cell includes may be there already
    folder.logs.mkdir(mode=0o700)
    lock = os.open(folder.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.write(folder.launch_file, planned.as_json())
        folder.write(folder.job_file, {"schema": SCHEMA, "kernel": os.getpid(), "job": asdict(job)})
        process = _supervisor(folder, (lock, *locks))
        os.write(lock, str(process.pid).encode())
    finally:
        os.close(lock)
    threading.Thread(target=process.wait, name=f"ciao-reap-{job.name}", daemon=True).start()


def _supervisor(folder: JobFolder, locks: tuple[int, ...]) -> subprocess.Popen[bytes]:
    said = os.open(folder.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SUPERVISE, str(Path(__file__).parents[3]), str(folder.path)],
            env=base_environment(os.environ),
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=locks,
            start_new_session=True,
        )
    except OSError as e:  # of the process, not of the disk
        words = f"the job's supervisor could not be started with {sys.executable}: {e.strerror}"
        raise CreateRefused(words, hint="Close what else runs here, or restart the kernel") from e
    finally:
        os.close(said)
