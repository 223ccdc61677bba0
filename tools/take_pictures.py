"""Take the pictures of the README, ``docs/images/*.png``, in a real JupyterLab.

The first is of a cell that trains with Debian's PyTorch; the other has panels of jobs that are too large for a desk.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from nbformat.v4 import new_code_cell, new_notebook, new_output  # noqa: E402  # the path comes first
from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402

from ciao.frontends.display.panel import panel  # noqa: E402
from fakes.lab import Lab, Notebook, install_kernel, jupyter  # noqa: E402
from fakes.panels import VIEWS, job  # noqa: E402

IMAGES = ROOT / "docs" / "images"

TRAINS = """\
%framework=pytorch
%worker=4;%cpu=1
%python=/usr/bin/python3

import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())  # each worker has its own data
x = torch.rand(20_000, 1)
model = DistributedDataParallel(torch.nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(1, 100):
    for batch in x.split(200):
        loss = (model(batch) - 3 * batch - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()  # averages the gradients of all workers
        optimizer.step()
    print(f"epoch {epoch}  loss {loss.item():.4f}")
"""

WAITS = "%framework=pytorch\n%worker=4;%cpu=8"
MANY = "%framework=pytorch\n%worker=1000;%cpu=2;%memory=8Gi"
BEHIND = "%framework=pytorch\n%worker=3\n%background=true"

SHOWN = (
    (WAITS, VIEWS["running, some wait"]),
    (MANY, VIEWS["1000"]),
    (
        BEHIND,
        replace(
            VIEWS["running"],
            name="pytorch-m4kzc",
            where="local",
            expected=(),
            replicas=job("rrr"),
            latest={f"worker-{n}": f"epoch 3  loss {0.4132 - n * 0.0117:.4f}" for n in range(3)},
        ),
    ),
)
"""What is in the cells, and the panels below them."""


def main() -> None:
    """Write the pictures."""
    expect.set_options(timeout=60_000)
    with _lab() as lab:
        _train(lab)
        _panels(lab)


def _train(lab: Lab) -> None:
    notebook = lab.open("train", [TRAINS.strip()])
    _arrange(notebook, 1000, 770)
    notebook.run(0)
    try:
        for worker in range(4):
            expect(notebook.output(0)).to_contain_text(f"worker-{worker} | epoch 2")
        _keep(notebook, "jupyterlab")
    finally:
        notebook.stop()
        expect(notebook.output(0)).to_contain_text("cancelled after")


def _panels(lab: Lab) -> None:
    cells = [
        new_code_cell(
            code,
            outputs=[new_output("display_data", data={"text/html": panel(view).html})],
            execution_count=number,
        )
        for number, (code, view) in enumerate(SHOWN, 1)
    ]
    metadata = {"kernelspec": {"name": "ciao", "display_name": "Ciao", "language": "python"}}
    notebook = lab.show("panels", new_notebook(cells=cells, metadata=metadata))
    _arrange(notebook, 1000, 740)
    notebook.command("apputils:change-theme", theme="JupyterLab Dark")
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    _keep(notebook, "panels")


def _arrange(notebook: Notebook, width: int, height: int) -> None:
    """The notebook alone: no list of files beside it."""
    notebook.page.set_viewport_size({"width": width, "height": height})
    notebook.command("application:toggle-left-area")


def _keep(notebook: Notebook, name: str) -> None:
    notebook.page.locator("#jupyterlab-splash").wait_for(state="detached")
    notebook.page.screenshot(path=IMAGES / f"{name}.png")


@contextmanager
def _lab() -> Iterator[Lab]:
    home = Path(tempfile.mkdtemp(prefix="pictures-"))
    environment = {
        "CIAO_BACKEND": "local",
        "CIAO_HOME": str(home),
        "JUPYTER_PATH": str(install_kernel(home / "prefix")),
    }
    try:
        with _chromium() as browser, jupyter(home, environment=environment) as url:
            yield Lab(url=url, folder=home / "notebooks", browser=browser)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
