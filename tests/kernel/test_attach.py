"""A job outlives its kernel and is picked up again: every line exactly once, in order per replica."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import Kernel

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "2"))
COUNT = 600
CHATTY = f"""%framework=pytorch
%worker=2
import time
for i in range({COUNT}):
    print("line", i)
    if i % 20 == 0:
        time.sleep(0.05)
"""
"""About 1.5 seconds of lines, fewer than a cell shows before it leaves some out."""


def numbers(text: str, replica: str) -> list[int]:
    """The numbers of the lines that a replica printed, without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [int(n) for n in re.findall(rf"^{replica} +\| line (\d+)$", plain, re.MULTILINE)]


def job_name(home: Path) -> str:
    (folder,) = (home / "jobs").iterdir()
    return folder.name


@pytest.mark.parametrize("moment", [random.Random(n).uniform(0.0, 1.6) for n in range(TIMES)])
def test_a_kernel_that_is_killed_loses_no_line(launch: Callable[..., Kernel], home: Path, moment: float) -> None:
    first = launch()
    first.start(CHATTY, until="running")
    time.sleep(moment)  # a moment of the job, not a wait for something
    os.kill(first.pid, signal.SIGKILL)
    ran = launch().run(f"%ciao attach {job_name(home)}")
    assert [numbers(ran.stdout, f"worker-{i}") for i in range(2)] == [list(range(COUNT))] * 2
    assert ran.status.startswith("succeeded")


def test_a_job_goes_on_when_its_kernel_is_shut_down(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start(CHATTY, until="running")
    first.manager.shutdown_kernel()
    ran = launch().run(f"%ciao attach {job_name(home)}")
    assert [numbers(ran.stdout, f"worker-{i}") for i in range(2)] == [list(range(COUNT))] * 2


def test_the_error_of_a_job_from_another_kernel_names_its_cell(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start("%framework=jax\nimport time\ntime.sleep(1)\nraise ValueError('late')", until="running")
    os.kill(first.pid, signal.SIGKILL)
    name, value, traceback = launch().run(f"%ciao attach {job_name(home)}").error
    assert (name, value) == ("ValueError", "late")
    assert "line 4" in traceback


def test_a_restarted_kernel_says_what_still_runs(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start("%framework=jax\nimport time\ntime.sleep(60)", until="running")
    os.kill(first.pid, signal.SIGKILL)
    name = job_name(home)
    second = launch()
    ran = second.run("%framework=jax\nprint('another')")
    assert ran.stdout.count(name) >= 1
    assert second.run(f"%ciao cancel {name}").reply["status"] == "ok"
