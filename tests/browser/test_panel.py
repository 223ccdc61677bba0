"""The panel above a job's lines as a person sees it: in place, still, and legible where its style is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nbconvert import HTMLExporter, MarkdownExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Locator, expect

from ciao.frontends.display.panel import panel
from fakes.lab import Lab, Notebook, install_kernel, jupyter
from fakes.panels import VIEWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TRAINS = """\
%framework=pytorch
%worker=4

import os, time

rank = int(os.environ["RANK"])
print(f"worker {rank} is ready")
while not os.path.exists("GATE"):
    time.sleep(0.02)
"""

REDRAWN = f"""\
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from dataclasses import replace
from IPython.display import publish_display_data
from ciao.frontends.display.panel import panel
from fakes.panels import NOW, job
from ciao.frontends.display.status import View

for running in range(0, 1001, 50):
    view = View(name="big", where="here", replicas=job("r" * running + "w" * (1000 - running)), asked=NOW, now=NOW)
    publish_display_data(
        {{"text/html": panel(view).html}}, transient={{"display_id": "one"}}, update=running > 0
    )
    time.sleep(0.05)
"""

LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@pytest.fixture(scope="module", params=["jupyterlab", "notebook"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    """JupyterLab, and Notebook 7."""
    home = tmp_path_factory.mktemp(request.param)
    environment = {"CIAO_BACKEND": "local", "JUPYTER_PATH": str(install_kernel(home / "prefix"))}
    with jupyter(home, program=request.param, environment=environment) as url:
        yield Lab(url=url, folder=home / "notebooks", browser=browser, program=request.param)


def panels(notebook: Notebook, cell: int = 0) -> Locator:
    return notebook.output(cell).locator("ul")


def box(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found is not None
    return found


def theme(notebook: Notebook, name: str) -> None:
    notebook.command("apputils:change-theme", theme=name)
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", str(name == LIGHT).lower())


def of_all(source: str = "") -> NotebookNode:
    """A notebook that has a panel in each state, as it is saved."""
    shown = {name: panel(view) for name, view in VIEWS.items()}
    outputs = [
        new_output("display_data", data={"text/html": made.html, "text/plain": made.text}) for made in shown.values()
    ]
    book: NotebookNode = new_notebook(
        cells=[new_markdown_cell("# Panels"), new_code_cell(source, outputs=outputs, execution_count=1)],
        metadata={"kernelspec": {"name": "ciao", "display_name": "Ciao", "language": "python"}},
    )
    return book


def words(html: str) -> str:
    """What is read of it, without the spaces."""
    return joined(unescape(re.sub("<[^>]*>", "", html)))


def joined(text: str) -> str:
    return "".join(text.split())


def test_it_is_one_output_in_its_place_that_does_not_move_while_the_job_runs_and_ends(
    page: Lab, tmp_path: Path
) -> None:
    notebook = page.open("runs", [TRAINS.replace("GATE", str(tmp_path / "gate")), "6 * 7"])
    notebook.run(0)
    shown = panels(notebook)
    expect(shown).to_contain_text("■■■■ · 4 running")
    for rank in range(4):
        expect(notebook.output(0)).to_contain_text(f"worker {rank} is ready")
    outputs = notebook.output(0).locator(".jp-OutputArea-child")
    before, said, number = box(shown), shown.inner_text(), outputs.count()
    expect(shown).not_to_have_text(said)  # time passes
    notebook.shot(f"panel-running-{page.program}")
    assert (box(shown), shown.count(), outputs.count()) == (before, 1, number)
    (tmp_path / "gate").touch()
    notebook.ended(0)
    expect(shown).to_contain_text(re.compile(r"succeeded in .*●●●●\s· 4 succeeded"))
    assert (box(shown), shown.count(), outputs.count()) == (before, 1, number)


def test_the_end_of_a_job_in_the_background_disturbs_nobody_and_the_next_cell_tells_it(
    page: Lab, tmp_path: Path
) -> None:
    code = TRAINS.replace("GATE", str(tmp_path / "gate"))
    notebook = page.open("behind", [f"%background=true\n{code}", ""])
    notebook.run(0)
    notebook.ended(0)
    expect(panels(notebook)).to_contain_text("4 running")
    expect(panels(notebook)).to_contain_text("worker-3 | worker 3 is ready")
    typed = notebook.cell(1).locator(".cm-content")
    typed.click()
    notebook.page.keyboard.type("6 * ")
    before = box(typed)
    (tmp_path / "gate").touch()
    expect(panels(notebook)).to_contain_text("●●●● · 4 succeeded")
    notebook.page.keyboard.type("7")  # the cursor is where it was
    assert box(typed) == before
    expect(typed).to_have_text("6 * 7")
    notebook.shot(f"panel-background-{page.program}")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text(re.compile(r"job pytorch-\w+ succeeded in .* \(started by Cell In"))
    notebook.shot(f"panel-background-told-{page.program}")


def test_a_thousand_replicas_are_redrawn_without_a_new_output_and_without_a_scroll(page: Lab) -> None:
    notebook = page.open("thousand", [REDRAWN, *["0"] * 12])
    notebook.run(0)
    shown = panels(notebook)
    top = box(notebook.cell(0))["y"]
    expect(shown).to_contain_text("1000 running")
    notebook.ended(0)
    assert (shown.count(), notebook.output(0).locator(".jp-OutputArea-child").count()) == (1, 1)
    assert box(notebook.cell(0))["y"] == top
    assert box(shown)["height"] < 250
    notebook.shot(f"panel-thousand-{page.program}")


def test_who_trusts_nothing_reads_every_word_in_both_themes_and_widths(page: Lab) -> None:
    notebook = page.show("untrusted", of_all())
    shown = panels(notebook)
    expect(shown).to_have_count(len(VIEWS))
    for one, view in zip(shown.all(), VIEWS.values(), strict=True):
        assert joined(one.inner_text()) == words(panel(view).html)
    square = shown.nth(list(VIEWS).index("running")).locator("code").first
    assert square.evaluate("e => getComputedStyle(e).color") == "rgb(30, 136, 229)"  # its style is there as well
    for width in (1400, 700):
        notebook.page.set_viewport_size({"width": width, "height": 1800})
        for name in (LIGHT, DARK):
            theme(notebook, name)
            notebook.shot(f"panel-untrusted-{page.program}-{name.split()[1].lower()}-{width}")
        for one in shown.all():
            assert one.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), one.inner_text()


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_page_has_the_same_words(browser: Browser, tmp_path: Path, strict: bool) -> None:  # noqa: FBT001  # a parameter
    exporter = HTMLExporter(sanitize_html=strict, embed_images=False)
    html, _ = exporter.from_notebook_node(of_all())
    (tmp_path / "page.html").write_text(re.sub(r'<script src="http[^>]*></script>', "", html))
    page = browser.new_page(viewport={"width": 1000, "height": 1800})
    page.goto(f"file://{tmp_path}/page.html")
    shown = page.locator(".jp-OutputArea ul")
    assert shown.count() == len(VIEWS)
    for one, view in zip(shown.all(), VIEWS.values(), strict=True):
        assert joined(one.inner_text()) == words(panel(view).html)
    Notebook(page=page).shot(f"panel-exported{'-strict' * strict}")


def test_markdown_and_plain_text_have_the_same_words() -> None:
    text, _ = MarkdownExporter().from_notebook_node(of_all())
    for view in VIEWS.values():
        assert words(panel(view).html) in words(text)
        assert "\n" not in panel(view).text
