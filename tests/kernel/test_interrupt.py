"""The stop button, at every moment of a job cell."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import Kernel

WAITING = "%framework=pytorch\nimport time\nprint('in training')\ntime.sleep(600)"
STUBBORN = (
    "%framework=pytorch\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('in training')\ntime.sleep(600)"
)
OFFSETS = [0, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02]
"""Seconds between two interrupts; together they fall into every stage of giving the prompt back."""


def alive(jobs: Path) -> set[int]:
    """Processes of this machine whose command line names a folder of these jobs."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(jobs).encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def test_an_interrupt_gives_the_prompt_back_and_the_job_is_cancelled(kernel: Kernel, jobs: Path) -> None:
    request, ran = kernel.start(WAITING, until="in training")
    kernel.interrupt()
    kernel.wait(request, ran)
    assert ran.error[0] == "KeyboardInterrupt"
    assert "is being cancelled" in ran.error[1]
    assert "cancelling for " in "\n".join(text for shown in ran.displays.values() for text in shown)
    kernel.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))
    assert alive(jobs) == set()


def test_the_prompt_does_not_wait_for_a_replica_that_ignores_the_signal(kernel: Kernel, jobs: Path) -> None:
    request, ran = kernel.start(STUBBORN, until="in training")
    kernel.interrupt()
    kernel.wait(request, ran)
    assert ran.status.startswith("cancelling")  # so the reply did not wait
    kernel.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))
    assert alive(jobs) == set()


@pytest.mark.parametrize("delay", [0, 0.001, 0.01, 0.03, 0.1, 0.2])
def test_an_interrupt_before_the_training_starts_cancels_as_well(kernel: Kernel, jobs: Path, delay: float) -> None:
    request, ran = kernel.start(WAITING, until="")
    time.sleep(delay)
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    until(lambda: alive(jobs) == set())


@pytest.mark.parametrize("offset", OFFSETS)
def test_two_interrupts_in_a_row_are_one(kernel: Kernel, offset: float) -> None:
    request, ran = kernel.start(WAITING, until="in training")
    kernel.interrupt()
    time.sleep(offset)
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    assert kernel.run("1 + 1").results == ["2"]


def test_an_interrupt_of_an_idle_kernel_does_not_reach_the_next_cell(kernel: Kernel) -> None:
    kernel.interrupt()
    assert kernel.run("%framework=pytorch\nprint('unharmed')").reply["status"] == "ok"


BETWEEN = """import os, signal
def strikes(*message, kernel=get_ipython().kernel):
    del kernel.should_handle
    os.kill(os.getpid(), signal.SIGINT)
    return kernel.should_handle(*message)
get_ipython().kernel.should_handle = strikes
"""
"""The kernel has said that it is busy with the next request, and has not begun with it, when it is interrupted."""


@pytest.mark.parametrize("cell", [WAITING, "import time\ntime.sleep(600)"], ids=["a job", "ordinary"])
def test_an_interrupt_between_the_word_busy_and_the_cell_reaches_it(kernel: Kernel, jobs: Path, cell: str) -> None:
    kernel.run(BETWEEN)
    assert kernel.run(cell).error[0] == "KeyboardInterrupt"
    assert kernel.run("1 + 1").results == ["2"]
    until(lambda: alive(jobs) == set())


def test_an_ordinary_cell_is_interrupted_as_ever(kernel: Kernel) -> None:
    request, ran = kernel.start("import time\nprint('go', flush=True)\ntime.sleep(600)", until="go")
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"


def test_an_interrupt_lets_go_of_an_attached_job_and_says_that_it_goes_on(kernel: Kernel, jobs: Path) -> None:
    until(lambda: alive(jobs) == set())  # those of the tests before; `attach` without a name means the only one
    kernel.run(f"%background=true\n{WAITING}")
    request, ran = kernel.start("%ciao attach", until="in training")
    kernel.interrupt()
    name, value, _ = kernel.wait(request, ran).error
    assert (name, value.partition(";")[0].split()[1:]) == ("KeyboardInterrupt", ["goes", "on"])
    assert "running" in kernel.run("%ciao jobs").displays[""][0]
    kernel.run("%ciao cancel")
    until(lambda: alive(jobs) == set())


def test_a_kernel_survives_twenty_interrupts(kernel: Kernel, jobs: Path) -> None:
    pid = kernel.pid
    for _ in range(20):
        request, ran = kernel.start(WAITING, until="as of")
        kernel.interrupt()
        assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    assert kernel.run("import os; os.getpid()").results == [str(pid)]
    until(lambda: alive(jobs) == set())  # a kernel that ends right after an interrupt lets its job go on


def until(condition: Callable[[], bool]) -> None:
    """Look until it holds."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
