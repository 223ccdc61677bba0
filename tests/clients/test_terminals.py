"""Jupyter console and IPython in a real terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

PROMPT = r"In \[\S*{}\S*\]: "
"""A prompt of the console, whose number has a colour."""

CONSOLE = ("jupyter_console", "--kernel=ciao", "--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=60")
"""It asks the kernel whether a cell is complete, and after a second without an answer it decides that itself."""

Spawn = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a program in a terminal; it ends with the test."""
    started: list[pexpect.spawn[str]] = []

    def start(*arguments: str) -> pexpect.spawn[str]:
        started.append(
            pexpect.spawn(sys.executable, ["-m", *arguments], encoding="utf-8", timeout=60, dimensions=(50, 150))
        )
        return started[-1]

    yield start
    for program in started:
        program.close(force=True)


def enter(program: pexpect.spawn[str], *lines: str) -> None:
    """Type a cell, and the empty line that ends it."""
    for line in (*lines, "", ""):
        program.sendline(line)


def test_ipython_with_the_extension_runs_a_training_cell(spawn: Spawn) -> None:
    program = spawn("IPython", "--simple-prompt", "--no-banner", "--colors=NoColor")
    program.expect(r"In \[1\]: ")
    program.sendline("%load_ext ciao")
    program.expect(r"In \[2\]: ")
    program.sendline("get_ipython().run_cell('%framework=pytorch\\n%worker=2\\nprint(6 * 7)');")
    program.expect(r"(worker-\d|\[2 replicas\]).*42")
    program.expect("succeeded")
    program.expect(r"In \[3\]: ")


def test_ipython_ends_a_training_cell_at_ctrl_c(spawn: Spawn) -> None:
    program = spawn("IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", "--ext=ciao")
    program.expect(r"In \[1\]: ")
    program.sendline("get_ipython().run_cell('%framework=pytorch\\nprint(6 * 7)\\nimport time; time.sleep(600)');")
    program.expect(r"master-0.*42")
    program.sendintr()
    program.expect("KeyboardInterrupt")
    program.expect(r"In \[2\]: ")
    program.sendline("print('still', 'here')")
    program.expect("still here")


def test_jupyter_console_runs_a_training_cell(spawn: Spawn) -> None:
    program = spawn(*CONSOLE)
    program.expect(PROMPT.format(1))
    enter(program, "%framework=pytorch", "print(6 * 7)")
    program.expect(r"master-0.*42")
    program.expect(PROMPT.format(2))


def test_jupyter_console_shows_the_replicas_error(spawn: Spawn) -> None:
    program = spawn(*CONSOLE)
    program.expect(PROMPT.format(1))
    enter(program, "%framework=pytorch", "raise ValueError('bad batch')")
    program.expect("ValueError.*: bad batch")
    program.expect(PROMPT.format(2))


def test_ipython_says_before_a_prompt_that_a_job_in_the_background_has_ended(spawn: Spawn, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"import os, time\\nwhile not os.path.exists('{go}'): time.sleep(0.01)"
    program = spawn("IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", "--ext=ciao")
    program.expect(r"In \[1\]: ")
    program.sendline(f'get_ipython().run_cell("%framework=pytorch\\n%background=true\\n{code}", store_history=True);')
    program.expect("goes on in the background")
    program.expect(r"In \[\d+\]: ")
    go.touch()
    program.sendline("import threading; [t.join() for t in threading.enumerate() if t.name == 'ciao-status'];")
    told = r"job pytorch-\w+ succeeded in .* \(started by Cell In\[\d+\]\)"
    assert program.expect([told, r"In \[\d+\]: "]) == 0
    program.expect(r"In \[\d+\]: ")
    program.sendline("print('once', 'only')")
    program.expect("once only")
    assert "succeeded" not in (program.before or "")
