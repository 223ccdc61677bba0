"""A job on a cluster outlives its kernel, and is found by others: in a notebook and in a shell, here and elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.chatty import cell, moments, of_replicas, said, shown
from fakes.rooms import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

CALM = {"steps": 20, "lines": 15, "pause": 0.1}
"""A few seconds of lines, fewer than a cell shows before it leaves some out."""

LOUD = {"steps": 40, "lines": 50, "pause": 0.05}
"""Thousands of lines a second."""

SPANS = [(0.0, 0.5), (0.5, 2.5), (2.5, 4.5), (4.5, 6.5), (6.5, 9.0)]
"""Seconds from the request: while the job is made, starts, prints, and ends. In `make soak` (CIAO_SOAK_TIMES) all."""

FOREVER = "%framework=pytorch\nimport time\nprint('up', flush=True)\nwhile True: time.sleep(0.1)\n"


def job_of(ran: Ran) -> str:
    """The name in the first line."""
    return str(re.findall(r"^job (\S+) on \S+ · ", ran.stdout, re.MULTILINE)[0])


def abandoned(room: Room, code: str, moment: float, home: Path | None = None) -> None:
    """Run a cell in a kernel that is killed after so many seconds."""
    kernel = room.launch(home)
    kernel.client.execute(code)
    time.sleep(moment)  # a moment of the job, not a wait for something
    os.kill(kernel.pid, signal.SIGKILL)


def jobs_of(room: Room, name: str) -> list[str]:
    """All that there is by this name: no job if the kernel died before it made one."""
    listed = json.loads(room.ciao("jobs", "--all", "--json", home=room.elsewhere).out)
    return [one["job"]["name"] for one in listed if one["job"]["name"].startswith(name)]


def deleted(room: Room, name: str) -> None:
    """And nothing else by that name is there."""
    jobs = jobs_of(room, name)
    for job in jobs:
        room.ciao("delete", job)
    if not jobs:  # a kernel that died between a job's ConfigMap and the job has left it
        room.kubectl("delete", "--ignore-not-found", *[one for one in room.left() if name in one], "configmap/none")
    until(lambda: [one for one in room.left() if name in one] == [])


@pytest.fixture
def called() -> str:
    """How a job of this test alone begins."""
    return f"test-{os.urandom(3).hex()}"


@pytest.mark.parametrize(("kind", "where"), [("PyTorchJob", "here"), ("TrainJob", "elsewhere")])
@pytest.mark.parametrize("moment", moments(*SPANS, first=2))
def test_another_kernel_replays_every_line_once_and_follows_to_the_end(
    room: Room, called: str, kind: str, where: str, moment: float
) -> None:
    abandoned(room, cell("%framework=pytorch", f"%name={called}", f"%kind={kind}", workers=2, **CALM), moment)
    for name in jobs_of(room, called):
        home = room.home if where == "here" else room.elsewhere
        ran = room.launch(home).run(f"%ciao attach {name}")
        assert [shown(ran.stdout, rank) for rank in range(2)] == [list(range(300))] * 2
        assert ran.status.startswith("succeeded")
        shell = room.ciao("logs", name, home=home)
        assert of_replicas(shell.out) == {f"worker-{rank}": said(rank, **CALM) for rank in range(2)}, shell
    deleted(room, called)


@pytest.mark.parametrize("moment", moments(*SPANS, first=3))
def test_so_does_one_after_two_were_killed_while_others_look_here_and_elsewhere(
    room: Room, called: str, moment: float
) -> None:
    abandoned(room, cell("%framework=pytorch", f"%name={called}", workers=4, **LOUD), moment)
    for name in jobs_of(room, called):
        abandoned(room, f"%ciao attach {name}", moment / 4)
        elsewhere = room.elsewhere
        with room.start("attach", name) as here, room.start("attach", name, home=elsewhere) as there:
            abandoned(room, f"%ciao attach {name}", moment / 4)
            printed = [shell.communicate(timeout=PATIENCE)[0] for shell in (here, there)]
        printed += [room.ciao("logs", name, home=home).out for home in (room.home, elsewhere, room.elsewhere)]
        expected = {f"worker-{rank}": said(rank, **LOUD) for rank in range(4)}
        assert [of_replicas(text) == expected for text in printed] == [True] * 5
    deleted(room, called)


@pytest.fixture(scope="module")
def job(room: Room) -> str:
    """A job that has ended without its kernel, which died in the midst of it."""
    first = room.launch()
    _, ran = first.start(cell("%framework=pytorch", workers=2, **CALM), until="line")
    os.kill(first.pid, signal.SIGKILL)
    name = job_of(ran)
    shell = room.ciao("attach", name)
    assert (shell.code, "succeeded in" in shell.errors) == (0, True), shell.errors
    assert of_replicas(shell.out) == {f"worker-{rank}": said(rank, **CALM) for rank in range(2)}
    return name


@pytest.fixture(params=["here", "elsewhere"])
def home(request: pytest.FixtureRequest, room: Room) -> Path:
    """``$CIAO_HOME`` with the job's archive, and one without."""
    return room.home if request.param == "here" else room.elsewhere


def test_a_shell_shows_its_lines(room: Room, home: Path, job: str) -> None:
    shell = room.ciao("logs", job, home=home)
    assert of_replicas(shell.out) == {f"worker-{rank}": said(rank, **CALM) for rank in range(2)}
    one = room.ciao("logs", job, "worker-1", "--tail", "3", home=home)
    assert one.out.splitlines() == said(1, **CALM)[-3:]


def test_a_shell_lists_and_describes_it(room: Room, home: Path, job: str) -> None:
    listed = {one["job"]["name"]: one for one in json.loads(room.ciao("jobs", "--all", "--json", home=home).out)}
    assert listed[job]["phase"] == "succeeded"
    described = json.loads(room.ciao("describe", job, "--json", home=home).out)
    assert (described["kind"], described["namespace"]) == ("PyTorchJob", room.kubectl.namespace)
    assert [one["state"] for one in described["replicas"]] == ["succeeded"] * 2
    assert job in room.ciao("describe", job, home=home).out


def test_a_shell_cancels_a_job_that_runs_and_its_kernel_sees_it(room: Room, room_kernel: Kernel, home: Path) -> None:
    request, ran = room_kernel.start(FOREVER, until="up")
    name = job_of(ran)
    shell = room.ciao("cancel", name, home=home)
    assert (shell.code, "cancelled" in shell.out) == (0, True), shell
    until(lambda: not [pod for pod in room.pods() if pod.startswith(name)])
    assert room_kernel.wait(request, ran).error[0] == "JobCancelled"
    assert ran.status.startswith("cancelled")


def test_a_shell_deletes_all_of_a_job_that_runs(room: Room, room_kernel: Kernel) -> None:
    name = job_of(room_kernel.run(f"%background=true\n{FOREVER}"))
    assert room.ciao("delete", name, home=room.elsewhere).code == 0
    until(lambda: not [one for one in room.left() if name in one])
    listed = json.loads(room.ciao("jobs", "--all", "--json", home=room.elsewhere).out)
    assert name not in [one["job"]["name"] for one in listed]


def test_a_restarted_kernel_says_what_still_runs(room: Room) -> None:
    first = room.launch()
    name = job_of(first.start(FOREVER, until="up")[1])
    os.kill(first.pid, signal.SIGKILL)
    second = room.launch(room.elsewhere)
    said = second.run("%framework=jax\nprint('another')").stdout
    assert f"{name} still runs from before" in said
    assert second.run(f"%ciao cancel {name}").reply["status"] == "ok"


def test_letting_go_of_an_attached_job_does_not_end_it(room: Room, room_kernel: Kernel) -> None:
    name = job_of(room_kernel.run(f"%background=true\n{FOREVER}"))
    request, ran = room_kernel.start(f"%ciao attach {name}", until="up")
    room_kernel.interrupt()
    assert f"{name} goes on" in room_kernel.wait(request, ran).error[1]
    assert "running" in room_kernel.run("%ciao jobs").displays[""][0]
    room_kernel.run(f"%ciao cancel {name}")


def test_a_job_in_another_namespace_is_listed_and_cancelled(room: Room, room_kernel: Kernel) -> None:
    other = replace(room.kubectl, namespace=f"{room.kubectl.namespace}-b")
    other.make_namespace()
    name = job_of(room_kernel.run(f"%background=true\n%namespace={other.namespace}\n{FOREVER}"))
    assert name in room_kernel.run("%ciao jobs").displays[""][0]
    assert "cancelled" in room_kernel.run(f"%ciao cancel {name}").stdout
    until(lambda: other.names("pods") == [])
    other("delete", "namespace", other.namespace, "--wait=false")


AGAIN = """%background=true
%framework=pytorch
%worker=1
%retries=1
import os, time
print("attempt", os.environ["CIAO_ATTEMPT"], flush=True)
time.sleep(3)
if os.environ["CIAO_ATTEMPT"] == "1":
    raise ValueError("no luck")
"""


def test_who_attaches_in_the_same_kernel_sees_the_next_attempt_which_is_made_once(room_kernel: Kernel) -> None:
    request, first = room_kernel.start(AGAIN, until="in the background")
    room_kernel.wait(request, first)
    ran = room_kernel.run(f"%ciao attach {job_of(first)}")
    assert [ran.stdout.count(f"attempt {number}\n") for number in (1, 2)] == [1, 1]
    assert ran.status.startswith("succeeded")
