"""What the start of a kernel costs, and what it finds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import Kernel

AT_START = {
    "ciao",
    "ciao.frontends",
    "ciao.frontends.notebook",
    "ciao.frontends.notebook.completion",
    "ciao.frontends.extension",
    "ciao.frontends.notebook.interrupt",
    "ciao.frontends.kernel",
    "ciao.frontends.notebook.magics",
    "ciao.frontends.notebook.transform",
}
OURS = "import sys\nsorted(m for m in sys.modules if m.partition('.')[0] == 'ciao')"
OF_A_CLUSTER = "[m for m in ('aiohttp', 'kubernetes_asyncio', 'yaml') if m in sys.modules]"


def test_a_kernel_and_its_first_cells_import_no_more_than_this(launch: Callable[..., Kernel]) -> None:
    kernel = launch()
    kernel.run("x = 7 % 3")
    assert kernel.run(OURS).results == [repr(sorted(AT_START)).replace("', '", "',\n '")]


def test_a_kernel_loads_nothing_of_a_cluster_that_is_known_here(launch: Callable[..., Kernel], home: Path) -> None:
    (home / "kubeconfig").write_text("{}")
    kernel = launch(KUBECONFIG=str(home / "kubeconfig"))
    assert kernel.run(f"import sys\n{OF_A_CLUSTER}").results == ["[]"]


def test_a_restarted_kernel_says_once_which_jobs_still_run(launch: Callable[..., Kernel]) -> None:
    first = launch()
    first.run("%framework=pytorch\n%background=true\nimport time\ntime.sleep(600)")
    os.kill(first.pid, signal.SIGKILL)
    second = launch()
    said = second.run("%framework=pytorch\nprint('new')").stdout
    assert "still runs from before; %ciao attach pytorch-" in said
    assert "from before" not in second.run("%framework=pytorch\npass").stdout
    name = said.partition("%ciao attach ")[2].partition(" ")[0]
    assert "cancelled" in second.run(f"%ciao cancel {name}").stdout


def test_a_job_goes_on_when_its_kernel_is_shut_down(launch: Callable[..., Kernel]) -> None:
    first = launch()
    first.start("%name=on\n%framework=pytorch\nimport time\nprint('on')\ntime.sleep(600)", until="on\n")
    first.manager.shutdown_kernel()
    second = launch()
    assert "running" in second.run("%ciao jobs").displays[""][0]
    second.run("%ciao cancel on")


def test_the_kernel_writes_no_warning_when_it_starts(
    launch: Callable[..., Kernel], capfd: pytest.CaptureFixture[str]
) -> None:
    kernel = launch()
    kernel.close()
    assert "WARNING" not in capfd.readouterr().err
