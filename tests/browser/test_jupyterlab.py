"""What a person sees in JupyterLab: lines while a job runs, the stop button, the error of a cell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from fakes.cells import FAILS, TRAINS

if TYPE_CHECKING:
    from fakes.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WAITS = """\
%framework=pytorch
%worker=2
import time
print("waiting")
time.sleep(600)
"""


def test_lines_appear_while_the_job_runs(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    notebook = lab.open("train", [TRAINS.replace("GATE", str(gate)), "6 * 7"])
    notebook.run(0)
    for rank in range(3):
        expect(notebook.output(0)).to_contain_text(f"worker {rank} is ready")
    expect(notebook.prompt(0)).to_have_text("[*]:")
    notebook.shot("1-running")
    gate.touch()
    expect(notebook.prompt(0)).to_have_text(re.compile(r"\[\d+\]:"))
    text = notebook.text(0, lambda text: text.count("epoch 5") == 3 and "succeeded" in text)
    assert re.search(r"worker-2 *[|│] *epoch 5  loss 0.143", text)
    assert text.count("epoch 5") == 3
    assert text.startswith("● succeeded")
    notebook.shot("2-ended")


def test_the_stop_button_gives_the_prompt_back(lab: Lab) -> None:
    notebook = lab.open("stop", [WAITS, "6 * 7"])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("waiting")
    notebook.stop()
    expect(notebook.output(0)).to_contain_text("KeyboardInterrupt")
    expect(notebook.prompt(0)).not_to_have_text("[*]:")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("42")
    expect(notebook.output(0)).to_contain_text("cancelled after")  # the status goes on to be true
    notebook.shot("3-stopped")


def test_the_error_of_a_replica_is_the_error_of_the_cell(lab: Lab) -> None:
    notebook = lab.open("fail", [FAILS])
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text(re.compile(r"\[\d+\]:"))
    output = notebook.output(0)
    expect(output).to_contain_text("ZeroDivisionError: division by zero")
    expect(output).to_contain_text(re.compile(r"Cell In\s?\[1\], line 10"))
    expect(output).to_contain_text("worker-1")
    notebook.shot("4-failed")
    notebook.command("apputils:change-theme", theme="JupyterLab Dark")
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    notebook.shot("4-failed-dark")


def test_a_mistake_in_a_magic_line_is_shown_with_a_caret(lab: Lab) -> None:
    notebook = lab.open("mistake", ["%framework=pytorhc\n%worker=2\nprint(1)"])
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text(re.compile(r"\[\d+\]:"))
    expect(notebook.output(0)).to_contain_text("^")
    expect(notebook.output(0)).to_contain_text(re.compile(r"did you mean.*pytorch", re.IGNORECASE))
    notebook.shot("5-mistake")
