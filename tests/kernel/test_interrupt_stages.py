"""The stop button at each stage of a local job: the prompt is back at once, and nothing is left behind.

Once in `make test`, many times, each second time by two interrupts, in `make soak` (CIAO_SOAK_TIMES).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ciao.model import Phase
from fakes.chatty import TIMES, moments
from fakes.kernel import Kernel
from fakes.processes import LINUX, left_in, until
from fakes.stages import PRINTING, STAGES, Left, phases, stalling

pytestmark = LINUX


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with stalling() as address:
        yield address


@pytest.fixture(scope="module")
def left(shared: tuple[Kernel, Path]) -> Left:
    kernel, home = shared
    return Left.warm(kernel, home)


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize(("cell", "stage"), STAGES)
def test_the_prompt_is_back_and_nothing_is_left(left: Left, index: str, cell: str, stage: str, number: int) -> None:
    left.after_a_stop(cell.replace("INDEX", index), stage, interrupts=1 + number % 2)


@pytest.mark.parametrize("moment", moments((0.0, 0.5), (0.5, 2.0)))
def test_a_kernel_killed_after_the_interrupt_leaves_a_job_that_runs_or_none(
    launch: Callable[..., Kernel], home: Path, moment: float
) -> None:
    first = launch()
    request, ran = first.start(PRINTING, until="line 50")
    first.interrupt()
    first.wait(request, ran)
    time.sleep(moment)  # a moment of the cancellation, not a wait for something
    os.kill(first.pid, signal.SIGKILL)
    second = launch()
    second.run("%ciao jobs")
    until(lambda: phases(home) == [Phase.RUNNING] or left_in(home) == [])
    for phase in phases(home):
        assert phase in (Phase.RUNNING, Phase.CANCELLED)
    second.run(f"%ciao cancel {next((home / 'jobs').iterdir()).name}")
    assert (left_in(home), phases(home)) == ([], [Phase.CANCELLED])
