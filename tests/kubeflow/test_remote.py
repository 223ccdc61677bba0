"""The kernel in a pod, the JupyterLab outside of the cluster: what a person sees, and what outlives the pod."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from fakes.cells import FAILS
from fakes.channels import Door, RemoteKernel
from fakes.gateway_in_a_pod import in_a_pod
from fakes.lab import TOKEN, Lab, browser, jupyter
from fakes.rooms import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from cluster.registries import Registry
    from fakes.gateway_in_a_pod import InAPod

__all__ = ["browser", "in_a_pod"]

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.timeout(600)]

WHERE = """\
import os, pathlib

folder = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
os.getuid(), (folder / "namespace").read_text()
"""

COUNT = 300
GATED = f"""\
%framework=pytorch
%worker=2

import os, time

for epoch in range({COUNT}):
    print(f"epoch {{epoch}}  loss {{1 / (epoch + 1):.3f}} on rank", os.environ["RANK"])  # so none is folded
    while epoch == 2 and not os.path.exists("gate"):
        time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def lab(in_a_pod: InAPod, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab on this machine."""
    home = tmp_path_factory.mktemp("lab")
    with jupyter(home, environment=in_a_pod.client) as url:
        yield Lab(url=url, folder=home / "notebooks", browser=browser)


@pytest.fixture
def launch(lab: Lab) -> Iterator[Callable[[], RemoteKernel]]:
    """Start a kernel in the pod, by the server of that JupyterLab; it ends with the test."""
    with ExitStack() as stack:

        def start() -> RemoteKernel:
            kernel = RemoteKernel(Door(url=lab.url, token=TOKEN))
            stack.callback(kernel.close)
            return kernel

        yield start


def open_gate(in_a_pod: InAPod, job: str) -> None:
    """Let its replicas go on."""
    for pod in (f"{job}-worker-{i}" for i in range(2)):
        in_a_pod.kubectl.run("exec", pod, "--", "touch", "/ciao/work/gate")  # the pod may end before it


def epochs(text: str) -> list[list[int]]:
    """The epochs that each replica printed, in the order of the lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [[int(n) for n in re.findall(rf"worker-{i} *[|│] *epoch (\d+) ", plain)] for i in range(2)]


def test_an_ordinary_cell_runs_in_the_pod(lab: Lab, in_a_pod: InAPod) -> None:
    notebook = lab.open("ordinary", [WHERE])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text(f"(1000, '{in_a_pod.kubectl.namespace}')")


def test_a_training_cell_becomes_a_job_of_the_kernel_in_the_pod(lab: Lab, in_a_pod: InAPod, registry: Registry) -> None:
    notebook = lab.open("trains", [GATED, "%ciao doctor"])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text(re.compile(r"worker-1 *[|│] *epoch 2 "))
    expect(notebook.output(0)).to_contain_text(re.compile(r"worker-0 *[|│] *epoch 2 "))
    expect(notebook.prompt(0)).to_have_text("[*]:")
    notebook.shot("in-the-cluster-1-running")
    (job,) = in_a_pod.kubectl.names("pytorchjobs")
    running = in_a_pod.kubectl("get", "pod", f"{job}-worker-0", "-o=jsonpath={.spec.containers[0].image}")
    assert running.startswith(f"{registry.address}/{in_a_pod.kubectl.namespace}/ciao@sha256:")
    open_gate(in_a_pod, job)
    expect(notebook.output(0)).to_contain_text("succeeded in")
    notebook.ended(0)
    every = [list(range(COUNT))] * 2
    assert epochs(notebook.text(0, lambda text: epochs(text) == every)) == every
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("the cluster takes a job of pytorch")
    notebook.output(1).scroll_into_view_if_needed()
    notebook.shot("in-the-cluster-2-doctor")


def test_the_stop_button_ends_a_job_of_the_pod(lab: Lab, in_a_pod: InAPod) -> None:
    notebook = lab.open("stop", ["%name=stopped\n" + GATED, "6 * 7"])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("epoch 2 ")
    notebook.stop()
    expect(notebook.output(0)).to_contain_text("KeyboardInterrupt")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("42")
    expect(notebook.output(0)).to_contain_text("cancelled after")
    until(lambda: not [name for name in in_a_pod.kubectl.names("pods") if name.startswith("stopped")])
    notebook.shot("in-the-cluster-3-stopped")


def test_the_error_of_a_replica_is_the_error_of_the_cell(lab: Lab) -> None:
    notebook = lab.open("fail", [FAILS])
    notebook.run(0)
    notebook.ended(0)
    output = notebook.output(0)
    expect(output).to_contain_text("ZeroDivisionError: division by zero")
    expect(output).to_contain_text(re.compile(r"Cell In\s?\[1\], line 10"))
    expect(output).to_contain_text("worker-1")
    notebook.shot("in-the-cluster-4-failed")


def test_a_pod_is_replaced_in_the_midst_of_a_job_which_a_kernel_of_the_next_shows_in_full(
    in_a_pod: InAPod, launch: Callable[[], RemoteKernel]
) -> None:
    _, ran = launch().start("%name=outlives\n" + GATED, until="epoch 2 ")
    (job,) = set(re.findall(r"job (outlives-\w{5})", ran.stdout))
    in_a_pod.replace()
    second = launch()
    request, attached = second.start(f"%ciao attach {job}", until="epoch 2 ")
    open_gate(in_a_pod, job)
    second.wait(request, attached)
    assert epochs(attached.stdout) == [list(range(COUNT))] * 2
    assert attached.status.startswith("succeeded")
