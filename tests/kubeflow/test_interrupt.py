"""The stop button at every stage of a job on a cluster: the prompt is back, and nothing stays in the namespace."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from fakes.chatty import TIMES
from fakes.rooms import until
from fakes.stages import AT_ONCE, COLLECTIVE, ENDING, HEAD, SECOND, Left, soon

if TYPE_CHECKING:
    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GRACE = 1.0
LATE = 5.0
"""Seconds from the reply until nothing is left; looked at in `make soak` alone (CIAO_SOAK_TIMES)."""

FOREVER = "import time\nwhile True:\n    print('line', flush=True)\n    time.sleep(0.05)\n"
PRINTING = HEAD + FOREVER
STAGES = [
    pytest.param(PRINTING, "as of", id="being created"),
    pytest.param(f"%worker.cpu=1000\n{PRINTING}", "nodes has enough cpu free", id="waiting for a node"),
    pytest.param(PRINTING, "pending", id="starting"),
    pytest.param(PRINTING, "line", id="printing"),
    pytest.param(f"%kind=TrainJob\n{PRINTING}", "line", id="printing as a TrainJob"),
    pytest.param(HEAD + COLLECTIVE, "meets", id="in a collective"),
    pytest.param(SECOND, "attempt 2", id="between two attempts"),
    pytest.param(SECOND, "second is up", id="in its second attempt"),
]


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    return {"pytorch": "pytorch"}


@pytest.fixture(scope="module")
def warm(room_kernel: Kernel) -> Kernel:
    """The connection is there, the image on the node."""
    room_kernel.run("%framework=pytorch\nprint('warm')")
    room_kernel.run("%ciao delete --ended --yes")
    return room_kernel


@pytest.fixture(scope="module")
def own(warm: Kernel, room: Room) -> Left:
    """The kernel's threads and open files."""
    return Left(warm, room.home)


def assert_gone(ran: Ran, room: Room) -> None:
    """The job's pods are, as the status says; a node may take longer than is waited for, and then that is told."""
    assert room.pods() == [] or ran.status.endswith("its last pod is still being ended by its node"), ran.status


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize(("cell", "stage"), STAGES)
def test_the_prompt_is_back_and_nothing_is_left(
    warm: Kernel, own: Left, room: Room, cell: str, stage: str, number: int
) -> None:
    request, ran = warm.start(cell, until=stage)
    began = time.monotonic()
    for _ in range(1 + number % 2):
        warm.interrupt()
    warm.wait(request, ran)
    back = time.monotonic()
    assert ran.error[0] == "KeyboardInterrupt"
    assert "is being cancelled" in ran.error[1]
    assert ran.status.startswith("cancelling for ")
    warm.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))
    assert_gone(ran, room)
    until(lambda: room.left() == [])
    gone = time.monotonic()
    assert room.kubectl.names("secrets") == []
    until(lambda: own.of_the_kernel() == set())
    assert "cancelled" in warm.run("%ciao jobs --all").displays[""][0]
    warm.run("%ciao delete --ended --yes")
    print(f"prompt {back - began:.2f} s, gone {gone - back:.1f} s, load {os.getloadavg()[0]:.0f}")
    if TIMES > 1:
        assert back - began < soon(AT_ONCE)
        assert gone - back < soon(GRACE + LATE)


@pytest.mark.parametrize("number", range(TIMES))
def test_one_that_comes_while_a_job_ends_cancels_it_or_finds_it_ended(
    warm: Kernel, own: Left, room: Room, number: int
) -> None:
    request, ran = warm.start(ENDING, until="is done")
    warm.interrupt()
    warm.wait(request, ran)
    warm.watch(request, ran, lambda ran: ran.status.startswith(("cancelled", "succeeded")))
    until(lambda: room.pods() == [] or ran.status.startswith("succeeded"))
    until(lambda: own.of_the_kernel() == set())
    warm.run("%ciao delete --ended --yes")
    until(lambda: room.left() == [])


def test_a_replica_that_ignores_sigterm_is_killed_after_the_grace(warm: Kernel, room: Room) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    request, ran = warm.start(HEAD + deaf + FOREVER, until="line")
    warm.interrupt()
    warm.wait(request, ran)
    warm.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))
    assert_gone(ran, room)
    until(lambda: room.pods() == [])


def test_an_interrupt_at_once_leaves_nothing_whether_or_not_the_job_had_a_name(warm: Kernel, room: Room) -> None:
    request, ran = warm.start(PRINTING, until="")
    warm.interrupt()
    assert warm.wait(request, ran).error[0] == "KeyboardInterrupt"
    warm.watch(request, ran, lambda ran: not ran.displays or ran.status.startswith("cancelled"))
    until(lambda: room.left() == [])


def test_two_interrupts_are_one(warm: Kernel, room: Room) -> None:
    request, ran = warm.start(PRINTING, until="line")
    warm.interrupt()
    time.sleep(0.005)
    warm.interrupt()
    assert warm.wait(request, ran).error[0] == "KeyboardInterrupt"
    assert warm.run("1 + 1").results == ["2"]
    until(lambda: room.left() == [])
