"""What a cell does in a kernel somewhere else: by our gateway, and by Jupyter Kernel Gateway with our kernelspec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.channels import RemoteKernel

if TYPE_CHECKING:
    from fakes.channels import Door
    from fakes.gateway import Gateway

pytestmark = pytest.mark.timeout(240)

GATED = """%framework=pytorch
%worker=2
import os, time
print("up", os.environ["RANK"])
while not os.path.exists("GATE"):
    time.sleep(0.02)
print("end", os.environ["RANK"])
"""

FAILS = """%framework=pytorch
%worker=2
import os, time
if os.environ["RANK"] == "1":
    {}["missing"]
time.sleep(600)
"""


@pytest.fixture(scope="module", params=["gateway", "kernel_gateway"])
def kernel(request: pytest.FixtureRequest, server: Callable[..., Door]) -> Iterator[RemoteKernel]:
    """As a JupyterLab has it: behind its own server, which has it from the gateway."""
    gateway: Gateway = request.getfixturevalue(request.param)
    kernel = RemoteKernel(server(gateway))
    yield kernel
    kernel.close()


def test_an_ordinary_cell_runs_there(kernel: RemoteKernel, home: Path) -> None:
    there = kernel.run("import os\nos.environ['CIAO_HOME']")
    assert there.results == [repr(str(home))], there


def test_lines_of_a_job_come_while_it_runs(kernel: RemoteKernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    request, ran = kernel.start(GATED.replace("GATE", str(gate)), until="up 0")
    kernel.watch(request, ran, lambda ran: "up 1" in ran.stdout)
    assert "end" not in ran.stdout
    gate.touch()
    kernel.wait(request, ran)
    assert [ran.stdout.count(f"end {rank}") for rank in (0, 1)] == [1, 1]
    assert ran.status.startswith("succeeded in ")


def test_the_stop_button_ends_a_job(kernel: RemoteKernel, tmp_path: Path) -> None:
    request, ran = kernel.start(GATED.replace("GATE", str(tmp_path / "never")), until="up 0")
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    kernel.watch(request, ran, lambda ran: ran.status.startswith("cancelled after"))


def test_the_error_of_a_replica_is_the_error_of_the_cell(kernel: RemoteKernel) -> None:
    name, value, traceback = kernel.run(FAILS).error
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback)
    assert (name, value) == ("KeyError", "'missing'")
    assert re.search(r"Cell In\s?\[\d+\], line 5", plain)
    assert "worker-1" in plain
