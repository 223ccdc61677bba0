"""A real JupyterLab or Notebook 7, and a real Chromium that looks at it; fixtures of both for every folder of tests."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from fakes.unfolded import unfolded

__all__ = ["Lab", "Notebook", "browser", "free_port", "install_kernel", "jupyter", "until_it_answers"]

TOKEN = "token-of-the-test"
SHOTS = Path(__file__).parents[2] / "out" / "browser"
PATIENCE = 60_000
"""How long the page may take for anything, in milliseconds: a loaded machine is not a failure."""

KERNEL_IS = (
    "(states) => states.includes(window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status)"
)
"""The indicator in the toolbar says idle a moment before there is a kernel, and what is run then is lost."""


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """An open notebook, as a person at the screen knows it."""

    page: Page

    def cell(self, index: int) -> Locator:
        """The code cell of this number."""
        return self.page.locator(".jp-CodeCell").nth(index)

    def output(self, index: int) -> Locator:
        """All that stands below a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def text(self, index: int, whole: Callable[[str], bool]) -> str:
        """What is read below a cell once that is all: a page draws a line a moment after it has come."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not whole(text := unfolded(self.output(index).inner_text())) and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return text

    def prompt(self, index: int) -> Locator:
        """``[*]:`` while the cell runs."""
        return self.cell(index).locator(".jp-InputPrompt")

    def run(self, index: int) -> None:
        """Click into the cell and run it."""
        self.cell(index).locator(".cm-content").click()
        expect(self.cell(index)).to_have_class(_word("jp-mod-active"))
        self.command("notebook:run-cell")
        expect(self.prompt(index)).not_to_have_text("[ ]:")

    def ended(self, index: int) -> None:
        """Wait until the cell has its number."""
        expect(self.prompt(index)).to_have_text(re.compile(r"\[\d+\]:"))

    def command(self, name: str, **arguments: str) -> None:
        """One of JupyterLab's commands."""
        self.page.evaluate("([n, a]) => { window.jupyterapp.commands.execute(n, a); return 1 }", [name, arguments])

    def stop(self) -> None:
        """The stop button of the toolbar."""
        self.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()

    def reload(self) -> None:
        """The page anew, without what was not saved; its kernel is the same, and may be busy."""
        self.page.once("dialog", lambda dialog: dialog.accept())  # what was not saved is lost, it says
        self.page.reload()
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.wait_for_function(KERNEL_IS, arg=["idle", "busy"])

    def shot(self, name: str) -> None:
        """Keep what the page looks like in out/browser/."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")  # covers the page while themes change
        self.page.screenshot(path=SHOTS / f"{name}.png")


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A JupyterLab, or Notebook 7, on a folder of its own."""

    url: str
    folder: Path
    browser: Browser
    program: str = "jupyterlab"

    def open(self, name: str, cells: Sequence[str]) -> Notebook:
        """A new notebook with these cells, its kernel ready."""
        book = new_notebook(
            cells=[new_code_cell(text) for text in cells],
            metadata={"kernelspec": {"name": "ciao", "display_name": "Ciao", "language": "python"}},
        )
        return self.show(name, book)

    def show(self, name: str, book: NotebookNode) -> Notebook:
        """This notebook with the outputs that it has: nobody trusts it."""
        nbformat.write(book, self.folder / f"{name}.ipynb")
        page = self.browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        page.set_default_timeout(PATIENCE)
        # in a workspace of its own: a page that is reloaded shows what was open in its workspace, of other pages too
        lab = f"lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}&reset"
        page.goto(f"{self.url}/{lab if self.program == 'jupyterlab' else f'notebooks/{name}.ipynb?token={TOKEN}'}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.wait_for_function(KERNEL_IS, arg=["idle"])
        return Notebook(page=page)


@contextlib.contextmanager
def jupyter(
    home: Path, *options: str, program: str = "jupyterlab", environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Its server in a process of its own, on ``home/notebooks``, for as long as this block; its URL."""
    folder, port = home / "notebooks", free_port()
    folder.mkdir(exist_ok=True)
    given = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(_settings(home / "settings")),
        **(environment or {}),
    }
    command = [*_command(program, port, folder), *options]
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=log)
    try:
        until_it_answers(server, f"http://127.0.0.1:{port}/api", home / "lab.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE / 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


def install_kernel(prefix: Path) -> Path:
    """As ``ciao kernel install`` does it; the folder for JUPYTER_PATH."""
    install = [sys.executable, "-m", "ciao", "kernel", "install", "--prefix", str(prefix)]
    subprocess.run(install, check=True, capture_output=True)
    return prefix / "share" / "jupyter"


def free_port() -> int:
    """One that nobody listens on now. The system gives it to nobody who asks for any: it stays free for a while."""
    while True:
        port = random.randrange(12_000, 18_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Ask until the answer is a good one."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    pytest.fail(f"{server.args!r} did not start:\n{log.read_text()}")


def _command(program: str, port: int, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", program, "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
        *(["--expose-app-in-browser"] if program in ("jupyterlab", "notebook") else []),
    ]


def _settings(folder: Path) -> Path:
    """No question about news in the corner of every screenshot."""
    notification = folder / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True, exist_ok=True)
    notification.write_text('{"fetchNews": "false"}')
    return folder


def _word(name: str) -> re.Pattern[str]:
    """A pattern for one class among several."""
    return re.compile(rf"(^|\s){re.escape(name)}(\s|$)")
