"""A job in the background stands still: its panel says so, and another cell shows where."""

from __future__ import annotations

from collections.abc import Callable

from fakes.kernel import Kernel
from fakes.processes import LINUX

pytestmark = LINUX

STANDS = """%framework=pytorch
%worker=2
%background=true
import os, threading
def load(event):
    event.wait()
print('up')
load(threading.Event())
"""


def test_the_panel_of_a_background_job_says_that_it_stands_and_another_cell_shows_where(
    launch: Callable[..., Kernel],
) -> None:
    kernel = launch(CIAO_STANDSTILL="1")
    request = kernel.client.execute(STANDS)
    ran = kernel.wait(request)
    both = "both stand at Cell In[1], line 6 (wait). `%ciao stacks pytorch-"
    kernel.watch(request, ran, lambda ran: both in "".join(ran.panels))  # until then one may not have begun
    text = next(text for text in ran.panels if both in text)
    assert "no line from any replica for " in text
    shown = kernel.run("%ciao stacks").displays[""][0]
    assert "all 2 stand at one place" in shown
    assert "Cell In[1], line 6, in load()\n        event.wait()" in shown
    one = kernel.run("%ciao stacks worker-1").displays[""][0]
    assert "worker-0" not in one
    kernel.run("%ciao cancel")
    assert "is over (cancelled)" in kernel.run("%ciao stacks").error[1]
