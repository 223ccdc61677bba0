"""The same cells where the kernel is not ours: ipykernel's own, and a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from fakes.kernel import Kernel

JOB = "%framework=pytorch\nprint('in a replica')"


@pytest.fixture
def stock(launch: Callable[..., Kernel]) -> Kernel:
    """ipykernel's kernel, with the extension loaded."""
    kernel = launch("python3")
    kernel.run("%load_ext ciao")
    return kernel


def test_a_job_cell_runs_in_a_stock_kernel(stock: Kernel) -> None:
    ran = stock.run(JOB)
    assert "in a replica" in ran.stdout
    assert ran.status.startswith("succeeded")


def test_loading_twice_is_loading_once(stock: Kernel) -> None:
    stock.run("get_ipython().extension_manager.loaded.discard('ciao')\n%load_ext ciao")
    assert stock.run(JOB).stdout.count("in a replica") == 1
    stock.run("%unload_ext ciao")
    assert stock.run("len(get_ipython().input_transformers_cleanup)").results == ["4"]


def test_unloaded_it_leaves_nothing_behind(launch: Callable[..., Kernel]) -> None:
    kernel = launch("python3")
    parts = (
        "ip = get_ipython()\n(len(ip.input_transformers_cleanup), len(ip.input_transformers_post), "
        "len(ip.events.callbacks['pre_run_cell']), len(ip.Completer.custom_matchers), "
        "'ciao' in ip.magics_manager.magics['line'], 'kubeflow' in ip.magics_manager.magics['cell'])"
    )
    before = kernel.run(parts).results
    kernel.run("%load_ext ciao")
    assert kernel.run(parts).results != before
    kernel.run("%unload_ext ciao")
    assert kernel.run(parts).results == before


def test_an_interrupt_reaches_a_job_in_a_stock_kernel(stock: Kernel) -> None:
    request, ran = stock.start(f"{JOB}\nimport time; time.sleep(600)", until="in a replica")
    stock.interrupt()
    assert stock.wait(request, ran).error[0] == "KeyboardInterrupt"
    stock.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))


@pytest.fixture
def terminal(home: Path) -> Iterator[pexpect.spawn[str]]:
    """IPython in a terminal."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", "--ext=ciao"],
        env={**os.environ, "CIAO_HOME": str(home)},
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )
    child.expect(r"In \[1\]: ")
    yield child
    child.close(force=True)


def test_a_job_cell_runs_in_a_terminal(terminal: pexpect.spawn[str]) -> None:
    terminal.sendline("get_ipython().run_cell('%framework=pytorch\\nprint(6 * 7)');")
    terminal.expect(r"job pytorch-\w+ on local")
    terminal.expect(r"master-0 \| 42")
    terminal.expect("succeeded in")
    terminal.expect(r"In \[2\]: ")


def test_an_interrupt_in_a_terminal_cancels_the_job_and_gives_the_prompt_back(terminal: pexpect.spawn[str]) -> None:
    code = "%framework=pytorch\\nimport time; print(6 * 7); time.sleep(600)"
    terminal.sendline(f"get_ipython().run_cell('{code}');")
    terminal.expect(r"master-0 \| 42")
    terminal.sendintr()
    terminal.expect("KeyboardInterrupt: pytorch-.* is being cancelled")
    terminal.expect(r"In \[2\]: ")
    terminal.sendline("1 + 1")
    terminal.expect(r"Out\[2\]: 2")


def test_a_failure_in_a_terminal_is_the_training_codes(terminal: pexpect.spawn[str]) -> None:
    terminal.sendline("get_ipython().run_cell('%framework=pytorch\\nraise ValueError(6 * 7)');")
    terminal.expect(r"---> 2 raise ValueError\(6 \* 7\)")
    terminal.expect("ValueError: 42\r\nraised in master-0")
