"""What a person sees in JupyterLab of a cell on a cluster: why it waits, its lines, its end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from clusters import Images, Place
    from fakes.lab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.timeout(300)]

TRAINS = """\
%framework=pytorch
%backend=kubeflow
%worker=3

import os, time

for epoch in range(1, 4):
    print(f"epoch {epoch}  loss {1 / (epoch + int(os.environ['RANK'])):.3f}")
    time.sleep(0.2)
"""

WAITS = """\
%framework=pytorch
%backend=kubeflow
%worker=3;%cpu=500

print("never")
"""

GROWS = """\
%framework=pytorch
%backend=kubeflow
%worker=2;%memory=100Mi

import os, time

print("up")
kept = []
while os.environ["RANK"] == "1":
    kept.append(bytearray(10_000_000))
time.sleep(600)
"""


@pytest.fixture(scope="module", autouse=True)
def environment(place: Place, image: Images) -> Iterator[None]:
    """What the JupyterLab of this module starts with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "CIAO_KUBECONFIG", str(place.kubeconfig))
        patch.setitem(os.environ, "CIAO_IMAGES_PYTORCH", image("pytorch"))
        yield


def ended(notebook: Notebook) -> None:
    expect(notebook.prompt(0)).to_have_text(re.compile(r"\[\d+\]:"))


def in_both_themes(notebook: Notebook, name: str) -> None:
    notebook.shot(name)
    notebook.command("apputils:change-theme", theme="JupyterLab Dark")
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    notebook.shot(f"{name}-dark")
    notebook.command("apputils:change-theme", theme="JupyterLab Light")
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "true")


def test_a_cell_trains_on_the_cluster(lab: Lab) -> None:
    notebook = lab.open("trains", [TRAINS, "%ciao jobs", "%ciao doctor"])
    notebook.run(0)
    ended(notebook)
    expect(notebook.output(0)).to_contain_text(re.compile(r"succeeded in .*pytorch-\w+ on "))
    assert notebook.text(0, lambda text: text.count("epoch 3") == 3).count("epoch 3") == 3
    in_both_themes(notebook, "cluster-1-succeeded")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("3 succeeded")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("the cluster takes a job of pytorch")
    notebook.output(2).scroll_into_view_if_needed()
    in_both_themes(notebook, "cluster-2-doctor")


def test_a_cell_that_waits_says_why_and_can_be_stopped(lab: Lab) -> None:
    notebook = lab.open("waits", [WAITS, "%ciao describe"])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("wait: none of")
    in_both_themes(notebook, "cluster-3-waiting")
    notebook.stop()
    expect(notebook.output(0)).to_contain_text("cancelled after")
    in_both_themes(notebook, "cluster-4-stopped")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("cancelled")
    notebook.shot("cluster-5-described")


def test_a_replica_that_needs_more_memory_than_its_limit_is_told_so(lab: Lab) -> None:
    notebook = lab.open("grows", [GROWS])
    notebook.run(0)
    ended(notebook)
    expect(notebook.output(0)).to_contain_text("OOMKilled: it used more memory than its limit of 100Mi")
    expect(notebook.output(0)).to_contain_text("Raise it, for example %worker=2;%memory=200Mi")
    in_both_themes(notebook, "cluster-6-out-of-memory")
