"""A job outlives its kernel and is picked up again: every line exactly once, in order per replica."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.home import JobFolder
from fakes.chatty import cell, moments, of_replicas, said, shown
from fakes.kernel import Kernel
from fakes.processes import left_in, until

CALM = {"steps": 20, "lines": 15, "pause": 0.05}
"""About a second of lines, fewer than a cell shows before it leaves some out."""

LOUD = {"steps": 40, "lines": 50, "pause": 0.03}
"""Thousands of lines a second; in `make soak` (CIAO_SOAK_TIMES) their kernel dies at each stage of them."""

SPANS = [(0.0, 0.1), (0.1, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
"""Seconds from the request: while the job is made and starts, while it prints, while it ends and its cell closes."""


def job_name(home: Path) -> str:
    (folder,) = (home / "jobs").iterdir()
    return folder.name


def jobs_of(home: Path) -> list[str]:
    """Names of what are jobs by now: none if the kernel died before it made one, or started its supervisor."""
    return [file.parent.name for file in home.glob("jobs/*/job.json") if has_begun(JobFolder(file.parent))]


def has_begun(job: JobFolder) -> bool:
    until(lambda: job.journal_file.exists() or not job.supervised())
    return job.journal_file.exists()


def abandoned(launch: Callable[..., Kernel], cell: str, moment: float) -> None:
    """Run a cell in a kernel that is killed after so many seconds."""
    kernel = launch()
    kernel.client.execute(cell)
    time.sleep(moment)  # a moment of the job, not a wait for something
    os.kill(kernel.pid, signal.SIGKILL)


def ciao(home: Path, *words: str) -> subprocess.Popen[str]:
    """``ciao ...`` in a shell."""
    environment = {**os.environ, "CIAO_HOME": str(home), "CIAO_BACKEND": "local"}
    return subprocess.Popen([sys.executable, "-m", "ciao", *words], env=environment, stdout=subprocess.PIPE, text=True)


def log_of(home: Path, job: str) -> dict[str, list[str]]:
    out, _ = ciao(home, "logs", job).communicate(timeout=60)
    return of_replicas(out)


@pytest.mark.parametrize("moment", moments(*SPANS, first=2))
def test_a_kernel_that_is_killed_loses_no_line(launch: Callable[..., Kernel], home: Path, moment: float) -> None:
    abandoned(launch, cell("%framework=pytorch", workers=2, **CALM), moment)
    for job in jobs_of(home):
        ran = launch().run(f"%ciao attach {job}")
        assert [shown(ran.stdout, rank) for rank in range(2)] == [list(range(300))] * 2
        assert ran.status.startswith("succeeded")
        assert log_of(home, job) == {f"worker-{rank}": said(rank, **CALM) for rank in range(2)}
    assert left_in(home) == []


@pytest.mark.parametrize("moment", moments(*SPANS, first=2))
def test_nor_do_three_killed_one_after_the_other_while_others_look(
    launch: Callable[..., Kernel], home: Path, moment: float
) -> None:
    abandoned(launch, cell("%framework=pytorch", workers=4, **LOUD), moment)
    for job in jobs_of(home):
        abandoned(launch, f"%ciao attach {job}", moment / 4)
        other = launch()
        request = other.client.execute(f"%ciao attach {job}")
        with ciao(home, "attach", job) as shell:
            abandoned(launch, f"%ciao attach {job}", moment / 4)
            ran, (attached, _) = other.wait(request), shell.communicate(timeout=60)
        expected = {f"worker-{rank}": said(rank, **LOUD) for rank in range(4)}
        assert log_of(home, job) == of_replicas(attached) == expected
        in_cell = [shown(ran.stdout, rank) for rank in range(4)]
        assert in_cell == [sorted({*numbers}) for numbers in in_cell]
        assert ran.status.startswith("succeeded")
    assert left_in(home) == []


def test_a_job_goes_on_when_its_kernel_is_shut_down(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start(cell("%framework=pytorch", workers=2, **CALM), until="running")
    first.manager.shutdown_kernel()
    ran = launch().run(f"%ciao attach {job_name(home)}")
    assert [shown(ran.stdout, rank) for rank in range(2)] == [list(range(300))] * 2


def test_the_error_of_a_job_from_another_kernel_names_its_cell(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    waits = f"import os, time\nwhile not os.path.exists('{home}/go'): time.sleep(0.02)"
    first.start(f"%framework=jax\n{waits}\nraise ValueError('late')", until="running")
    os.kill(first.pid, signal.SIGKILL)
    (home / "go").touch()
    name, value, traceback = launch().run(f"%ciao attach {job_name(home)}").error
    assert (name, value) == ("ValueError", "late")
    assert "line 4" in traceback


def test_a_restarted_kernel_says_what_still_runs(launch: Callable[..., Kernel], home: Path) -> None:
    first = launch()
    first.start("%framework=jax\nimport time\ntime.sleep(600)", until="running")
    os.kill(first.pid, signal.SIGKILL)
    name = job_name(home)
    second = launch()
    ran = second.run("%framework=jax\nprint('another')")
    assert ran.stdout.count(name) >= 1
    assert second.run(f"%ciao cancel {name}").reply["status"] == "ok"
