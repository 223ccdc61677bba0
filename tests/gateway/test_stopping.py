"""The gentle end."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from fakes.strangers import until

if TYPE_CHECKING:
    from pathlib import Path

    from fakes.strangers import Start

pytestmark = pytest.mark.timeout(240)

JOB = """%framework=pytorch
import os, time
print("up")
while not os.path.exists("GATE"):
    time.sleep(0.02)
print("end")
"""


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", os.getpid())
time.sleep(600)
"""

DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)" + STUBBORN
"""It holds up the gateway's end for as long as one can: a test has to ask some things meanwhile."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_goes_on_and_is_named(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    gateway, gate = start("--self-signed"), tmp_path / "gate"
    gateway.kernel().start(JOB.replace("GATE", str(gate)), until="up")
    assert gateway.end(number) == 0
    ending = r"^stopping; 1 kernel ends\n(?:.*\n)*"  # a kernel that is ended in a cell may complain meanwhile
    told = re.search(ending + r"1 job goes on: (\S+) \(.+\); find it with %ciao jobs$", gateway.log, re.MULTILINE)
    assert told, gateway.log
    gate.touch()
    log = gateway.home / "jobs" / told[1] / "logs" / "master-0.log"
    until(lambda: "end" in log.read_text(), "the end of the job")


def test_kernels_are_gone_and_nothing_is_said_of_jobs_if_there_are_none(start: Start) -> None:
    gateway = start("--self-signed")
    pid = int(gateway.kernel().run("import os; os.getpid()").results[0])
    assert gateway.end() == 0
    assert gateway.log.endswith("stopping; 1 kernel ends\n")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_while_it_stops_it_is_not_ready_and_starts_no_kernel_and_a_second_signal_hurries_it(start: Start) -> None:
    gateway = start("--self-signed")
    gateway.kernel().start(DEAF, until="up")
    gateway.process.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in gateway.log, "the beginning of the end")
    ready, new = gateway.ask("/readyz"), gateway.ask("/api/kernels", method="POST", body={"name": "ciao"})
    assert (ready.status, ready.text) == (503, "stopping\n")
    assert (new.status, new.message) == (503, "This gateway stops, and starts no kernels any more")
    assert gateway.ask("/healthz").status == 200
    assert gateway.end() == 0


def test_a_kernel_that_does_not_end_is_killed(start: Start) -> None:
    gateway = start("--self-signed")
    _, ran = gateway.kernel().start(STUBBORN, until="up")
    assert gateway.end() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.stdout.split()[1]), 0)
