"""What a person sees in JupyterLab whose kernels are behind a gateway, started and connected as the gateway says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from fakes.cells import FAILS, TRAINS
from fakes.gateway import Gateway, running
from fakes.lab import Lab, jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ORDINARY = "import os\nos.environ['CIAO_HOME']"


@pytest.fixture(scope="module")
def gateway(home: Path) -> Iterator[Gateway]:
    """With a certificate and a token of its own making."""
    with running(home, "--self-signed", authority=home / "gateway" / "tls" / "cert.pem", token="") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def lab(gateway: Gateway, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Started by the line that the gateway prints, but for the name of the program, which each test has its own way."""
    (line,) = re.findall(r"connect: (.*)", gateway.log)
    *variables, _, _, option = shlex.split(re.sub(r'"\$\(cat (.*?)\)"', lambda found: Path(found[1]).read_text(), line))
    home = tmp_path_factory.mktemp("lab")
    with jupyter(home, option, environment=dict(one.strip().split("=", 1) for one in variables)) as url:
        yield Lab(url=url, folder=home / "notebooks", browser=browser)


def test_an_ordinary_cell_runs_behind_the_gateway(lab: Lab, home: Path) -> None:
    notebook = lab.open("ordinary", [ORDINARY])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text(str(home))


def test_lines_appear_while_a_job_runs(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    notebook = lab.open("trains", [TRAINS.replace("GATE", str(gate))])
    notebook.run(0)
    for rank in range(3):
        expect(notebook.output(0)).to_contain_text(f"worker {rank} is ready")
    expect(notebook.prompt(0)).to_have_text("[*]:")
    notebook.shot("remote-1-running")
    gate.touch()
    expect(notebook.output(0)).to_contain_text("succeeded in")
    notebook.ended(0)
    assert notebook.text(0, lambda text: text.count("epoch 5") == 3).count("epoch 5") == 3
    notebook.shot("remote-2-ended")


def test_the_stop_button_gives_the_prompt_back(lab: Lab, tmp_path: Path) -> None:
    notebook = lab.open("stop", [TRAINS.replace("GATE", str(tmp_path / "never")), "6 * 7"])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("is ready")
    notebook.stop()
    expect(notebook.output(0)).to_contain_text("KeyboardInterrupt")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("42")
    expect(notebook.output(0)).to_contain_text("cancelled after")
    notebook.shot("remote-3-stopped")


def test_the_error_of_a_replica_is_the_error_of_the_cell(lab: Lab) -> None:
    notebook = lab.open("fail", [FAILS])
    notebook.run(0)
    notebook.ended(0)
    output = notebook.output(0)
    expect(output).to_contain_text("ZeroDivisionError: division by zero")
    expect(output).to_contain_text(re.compile(r"Cell In\s?\[1\], line 10"))
    expect(output).to_contain_text("worker-1")
    notebook.shot("remote-4-failed")


def test_a_page_that_is_reloaded_in_the_midst_of_a_job_brings_every_line_by_attaching(lab: Lab, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    notebook = lab.open("reload", ["%name=again\n" + TRAINS.replace("GATE", str(gate)), "%ciao attach again"])
    notebook.run(0)
    for rank in range(3):
        expect(notebook.output(0)).to_contain_text(f"worker {rank} is ready")
    notebook.reload()
    notebook.run(1)  # it waits for the other cell, which still runs
    gate.touch()
    expect(notebook.output(1)).to_contain_text("succeeded in")
    text = notebook.text(1, lambda text: text.count("epoch 5") == 3)
    assert [text.count(f"worker {rank} is ready") for rank in range(3)] == [1] * 3
    assert text.count("epoch 5") == 3
    notebook.shot("remote-5-reloaded")
