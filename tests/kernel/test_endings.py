"""The end of a job that its cell had let go of is told once, by the next cell."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import PATIENCE, Kernel, Ran

BEHIND = "%framework=pytorch\n%background=true\n"
WAITS = f"{BEHIND}import os, time\nwhile not os.path.exists('GATE'):\n    time.sleep(0.02)\n"

SUCCEEDED = re.compile(r"job (pytorch-\w+) succeeded in .* s \(started by Cell In\[\d+\]\): `%ciao logs \1`\n")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def opened(launch: Callable[..., Kernel], tmp_path: Path) -> Callable[..., Kernel]:
    """A kernel of a notebook that its frontend names."""
    return lambda name="a.ipynb": launch(JPY_SESSION_NAME=str(tmp_path / name))


def started(kernel: Kernel, code: str) -> tuple[str, Ran, str]:
    """Its request, what it sent, and the job's name."""
    request = kernel.client.execute(code)
    ran = kernel.wait(request)
    return request, ran, re.findall(r"%ciao logs (\S+) shows", ran.stdout)[0]


def until_it_ended(kernel: Kernel, request: str, ran: Ran) -> None:
    """Its cell shows it."""
    kernel.watch(request, ran, lambda ran: bool(re.match("succeeded|failed|cancelled|lost", ran.status)))


def untold(home: Path) -> list[str]:
    return [path.name for path in (home / "untold").iterdir()]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_panel_of_its_own_cell_and_the_next_cell_tell_it(kernel: Kernel, gate: Path) -> None:
    request, ran, _ = started(kernel, WAITS.replace("GATE", str(gate)))
    assert kernel.run("print('mine')").stdout == "mine\n"
    gate.touch()
    until_it_ended(kernel, request, ran)
    assert kernel.silent() == []
    told = kernel.run("print('mine')").stdout
    assert SUCCEEDED.match(told)
    assert told.endswith("\nmine\n")
    assert kernel.run("print('mine')").stdout == "mine\n"


def test_a_failure_is_told_with_its_cause(kernel: Kernel, gate: Path) -> None:
    request, ran, name = started(kernel, f"{WAITS.replace('GATE', str(gate))}1 / 0")
    gate.touch()
    until_it_ended(kernel, request, ran)
    assert f"job {name} failed after" in (told := kernel.run("0").stdout)
    assert ": worker-0: ZeroDivisionError: division by zero (started by" in told.replace("master-0", "worker-0")


def test_what_a_frontend_runs_for_itself_does_not_use_it_up(kernel: Kernel, gate: Path) -> None:
    request, ran, _ = started(kernel, WAITS.replace("GATE", str(gate)))
    gate.touch()
    until_it_ended(kernel, request, ran)
    assert kernel.run("1", silent=True).stdout == ""
    assert kernel.run("1", store_history=False).stdout == ""
    assert SUCCEEDED.match(kernel.run("1").stdout)


def test_who_followed_it_to_its_end_or_ended_it_knows(kernel: Kernel, gate: Path) -> None:
    _, _, name = started(kernel, WAITS.replace("GATE", str(gate)))
    attached = kernel.client.execute(f"%ciao attach {name}")
    gate.touch()
    assert kernel.wait(attached).status.startswith("succeeded")
    assert kernel.run("1").stdout == ""


def test_who_cancels_it_knows(kernel: Kernel, gate: Path) -> None:
    _, _, name = started(kernel, WAITS.replace("GATE", str(gate)))
    assert kernel.run(f"%ciao cancel {name}").stdout == f"{name} is cancelled\n"
    joined = "import threading\nfor t in threading.enumerate():\n    if t.name == 'ciao-status':\n        t.join()"
    assert kernel.run(joined).stdout == ""  # its panel says it too
    assert kernel.run("1").stdout == ""


def test_a_restarted_kernel_tells_what_ended_meanwhile(opened: Callable[..., Kernel], home: Path, gate: Path) -> None:
    first = opened()
    _, _, name = started(first, WAITS.replace("GATE", str(gate)))
    assert untold(home) == [name]
    os.kill(first.pid, signal.SIGKILL)
    gate.touch()
    journal = home / "jobs" / name / "journal.jsonl"
    until(lambda: journal.exists() and '"finished"' in journal.read_text())
    other, second = opened("b.ipynb"), opened()
    assert other.run("1").stdout == ""
    told = ""

    def tells() -> bool:
        nonlocal told
        told = second.run("1").stdout
        return told != ""

    until(tells)  # the first cell waits a second for it, and a busy machine takes longer
    assert SUCCEEDED.fullmatch(told)
    assert second.run("1").stdout == ""
    assert untold(home) == []


def test_nobody_elses_kernel_tells_it(opened: Callable[..., Kernel], gate: Path) -> None:
    first, other = opened(), opened()
    request, ran, _ = started(first, WAITS.replace("GATE", str(gate)))
    gate.touch()
    until_it_ended(first, request, ran)
    assert other.run("1").stdout == ""
    assert SUCCEEDED.match(first.run("1").stdout)


def test_a_job_that_its_cell_followed_is_not_told_of_again(opened: Callable[..., Kernel], home: Path) -> None:
    kernel = opened()
    kernel.run("%framework=pytorch\npass")
    assert untold(home) == []
    assert kernel.run("1").stdout == ""
