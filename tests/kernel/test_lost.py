"""A job whose supervisor is killed, as its cell and later ones see it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from fakes.kernel import Kernel
from fakes.processes import LINUX, left_in, until

pytestmark = LINUX

ALONE = """%framework=pytorch
%worker=2
import subprocess, threading
subprocess.Popen(["sleep", "1000"], start_new_session=True)
print("up", flush=True)
threading.Event().wait()
"""


def kill_supervisor(home: Path) -> str:
    """The name of its job."""
    (lock,) = home.glob("jobs/*/lock")
    os.kill(int(lock.read_text()), signal.SIGKILL)
    return lock.parent.name


def test_the_cell_says_which_job_what_happened_and_what_to_do(launch: Callable[..., Kernel], home: Path) -> None:
    kernel = launch()
    request, ran = kernel.start(ALONE, until="up")
    job = kill_supervisor(home)
    name, value, text = kernel.wait(request, ran).error
    killed = "its supervisor was killed, by hand or by another program, and its replicas were ended with it"
    assert (name, value) == ("JobLost", f"{job}: {killed}")
    assert text.splitlines()[1:] == [f"Run the cell again. What its replicas printed is kept: `%ciao logs {job}`"]
    assert ran.status.startswith("lost")
    until(lambda: left_in(home) == [])
    assert "lost" in kernel.run("%ciao jobs").displays[""][0]
    assert "up" in kernel.run(f"%ciao logs {job}").stdout
    kernel.run(f"%ciao delete {job}")
    assert [*(home / "jobs").iterdir()] == []


def test_so_does_another_kernel_if_the_first_was_killed_as_well(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start(ALONE, until="up")
    os.kill(first.pid, signal.SIGKILL)
    job = kill_supervisor(home)
    second = launch()
    assert "lost" in second.run("%ciao jobs").displays[""][0]
    until(lambda: left_in(home) == [])
    ran = second.run(f"%ciao attach {job}")
    assert (ran.error[0], "up" in ran.stdout) == ("JobLost", True)
