"""A replica on a cluster fails: the cell fails as on this machine, with its own lines, and the first by cause."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from fakes.failures import LOSING, MEETING, plain

if TYPE_CHECKING:
    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`; in `make soak` the clock is looked at as well."""

SOON = 5.0
"""Seconds from the failure to the end of the cell."""

KINDS = ["PyTorchJob", "TrainJob"]
OF_THE_FIRST = {
    "PyTorchJob": "training.kubeflow.org/replica-index=0",
    "TrainJob": "batch.kubernetes.io/job-completion-index=0",
}
"""The label of its pod."""

DEATHS = [
    pytest.param("raise ValueError('bad batch')", "ValueError", "bad batch", id="exception"),
    pytest.param("os.kill(os.getpid(), 9)", "SIGKILL", "killed: by hand, or by its node", id="killed"),
    pytest.param("kept = [bytearray(9_000_000) for _ in range(100)]", "OOMKilled", "limit of 100Mi", id="memory"),
    pytest.param("os._exit(3)", "SystemExit", "exit code 3", id="exit code"),
]
"""Each with a victim, which loses its peer."""

VICTIM = "worker-0 failed because of it: ConnectionError: Connection closed by peer"
"""If it could tell: it may be ended before."""


BOTH_RAISE = f"""{MEETING}
print("begins")
if rank == 0:
    while not os.path.exists("/ciao/work/go"):
        time.sleep(0.02)
    peer.sendall(b"go")
else:
    peer.recv(2)
raise ValueError(f"bad batch {{rank}}")
"""
"""At the same moment, once both are read: who comes later is ended for the first one's failure."""


def failed_at(ran: Ran) -> float:
    """When the replicas had met: the failure follows at once."""
    return max(map(float, re.findall(r"met at ([0-9.]+)", ran.stdout)))


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("death", "ename", "words"), DEATHS)
def test_the_first_by_cause_is_named_and_its_victim_is_not(
    room_kernel: Kernel, kind: str, death: str, ename: str, words: str, number: int
) -> None:
    head = f"%framework=pytorch\n%kind={kind}\n%worker=2;%memory=100Mi\n"
    ran = room_kernel.run(f"{head}{MEETING}if rank == 1:\n    {death}\n{LOSING}")
    ended = time.time()
    name, value, text = ran.error
    assert (name, words in value) == (ename, True), ran
    assert re.search(r"\bin worker-1$", plain(text), re.MULTILINE), text
    victim = re.findall(r"^worker-0 .*", plain(text).partition("in worker-1")[2], re.MULTILINE)
    assert victim in ([], [VICTIM]), text
    assert ran.status.startswith("failed after ")
    if TIMES > 1:
        assert ended - failed_at(ran) < SOON


@pytest.mark.parametrize("kind", KINDS)
def test_the_traceback_has_the_cells_lines(room_kernel: Kernel, kind: str) -> None:
    body = (
        "def train():\n    raise ValueError('no data')\n\n\nimport os, time\nif os.environ['RANK'] == '1':\n    train()"
    )
    cell = f"%framework=pytorch\n%kind={kind}\n%worker=2\n\n\n{body}\ntime.sleep(600)\n"
    name, value, text = room_kernel.run(cell).error
    text = plain(text)
    assert (name, value) == ("ValueError", "no data")
    assert re.search(r"Cell In\[\d+\], line 12\n", text)
    assert re.search(r"Cell In\[\d+\], line 7, in train\(\)\n", text)
    assert "----> 7     raise ValueError('no data')" in text
    assert "raised in worker-1" in text


@pytest.mark.parametrize("kind", KINDS)
def test_tracebacks_are_said_once_in_the_cell_and_kept_in_the_log(room: Room, room_kernel: Kernel, kind: str) -> None:
    cell = f"%framework=pytorch\n%kind={kind}\n%worker=2\n{BOTH_RAISE}"
    request, ran = room_kernel.start(cell, until="begins")
    room_kernel.watch(request, ran, lambda ran: ran.stdout.count("begins") == 2)
    (job,) = re.findall(r"^job (\S+)", plain(ran.stdout), re.MULTILINE)
    pod = room.kubectl("get", "pods", f"--selector=ciao/job={job},{OF_THE_FIRST[kind]}", "-o=name").strip()
    room.kubectl.run("exec", pod, "--", "touch", "/ciao/work/go")  # the pod may end before it
    room_kernel.wait(request, ran)
    stream = plain(ran.stdout)
    assert "Traceback" not in stream
    assert "`%ciao logs " in stream
    (other,) = {"0", "1"} - {ran.error[1][-1]}
    assert f"bad batch {other}" in plain(ran.error[2])
    assert room_kernel.run(f"%ciao logs {job} worker-0").stdout.count("Traceback") == 1


def test_the_stacks_of_a_crash_are_one_line_in_the_cell_and_whole_in_the_log(room_kernel: Kernel) -> None:
    code = "import ctypes\nprint('begins')\nctypes.string_at(0)\n"
    ran = room_kernel.run(f"%framework=pytorch\n%worker=1\n{code}")
    stream = plain(ran.stdout)
    (job,) = re.findall(r"^job (\S+)", stream, re.MULTILINE)
    assert "Fatal Python error" not in stream
    words = rf"^worker-0 \| Segmentation fault \(traceback of \d+ lines: `%ciao logs {job} worker-0`"
    assert re.search(words, stream, re.MULTILINE)
    log = room_kernel.run(f"%ciao logs {job} worker-0").stdout
    assert (log.count("Fatal Python error"), log.count("ciao/1")) == (1, 0)
