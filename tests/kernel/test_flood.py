"""More lines than a page can show, or a person wants to read, through a real kernel."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ciao.logs.budget import CAP, CAP_LINES
from fakes.kernel import Kernel

REPLICAS, LINES = 6, 5_000
WRITES = f"""%framework=pytorch
%worker={REPLICAS}
import os
rank = os.environ["RANK"]
for n in range({LINES}):
    print(f"{{rank}} line {{n}} and the words that a training loop has for it, loss 0.12345 accuracy 0.98765")
print("the end")
"""
MEET = """%framework=pytorch
%worker=2
import itertools, os, time
from pathlib import Path
Path(os.environ["RANK"]).touch()
while not (Path("0").exists() and Path("1").exists()):
    time.sleep(0.002)
"""
ENDLESS = f"""{MEET}
for n in itertools.count():
    print(os.environ["RANK"], "line", n)
"""


TOGETHER = f"""{MEET}
for n in range(9):
    print("epoch", n)
"""
NOT_SHOWN = re.compile(
    r"(?m)^… [\d,]+(?: of [\d,]+)? lines not shown; the whole log: `ciao logs pytorch-\w+` in a shell$"
)


def archived(jobs: Path, job: str, rank: int) -> list[int]:
    log = (jobs / job / "logs" / f"worker-{rank}.log").read_text()
    return [int(n) for n in re.findall(rf"(?m)^\S+ {rank} line (\d+)\b", log)]


def job_of(stream: str) -> str:
    return str(re.findall(r"(?m)^job (\S+)", stream)[0])


def test_a_flood_is_cut_in_the_cell_with_a_mark_and_whole_in_the_archive(kernel: Kernel, jobs: Path) -> None:
    ran = kernel.run(WRITES)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)
    assert len(ran.drawn.encode()) <= CAP
    assert ran.drawn.count("\n") <= CAP_LINES
    assert NOT_SHOWN.search(plain)
    for rank in range(REPLICAS):
        shown = [int(n) for n in re.findall(rf"(?m)^worker-{rank} \| {rank} line (\d+) ", plain)]
        assert shown == sorted(set(shown))
        assert (shown[0], shown[-1]) == (0, LINES - 1)
        assert f"worker-{rank} | the end\n" in plain
        assert archived(jobs, job_of(plain), rank) == list(range(LINES))


def test_a_flood_without_an_end_is_stopped(kernel: Kernel, jobs: Path) -> None:
    request, ran = kernel.start(ENDLESS, until="line 2500")
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    kernel.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))
    assert len(ran.drawn.encode()) <= CAP
    for rank in range(2):
        lines = archived(jobs, job_of(ran.stdout), rank)[:-1]  # the last one may be cut off
        assert lines == list(range(len(lines)))


def test_what_all_replicas_say_is_one_line_in_a_cell_unless_it_is_switched_off(launch: Callable[..., Kernel]) -> None:
    kernel = launch()
    job = job_of(kernel.run(TOGETHER).stdout)

    def told(kernel: Kernel, command: str) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", kernel.run(f"%ciao {command}").drawn)

    each = ["worker-0 | epoch 8", "worker-1 | epoch 8"]
    assert "[2 replicas] epoch 8\n" in told(kernel, f"attach {job}")
    for command in (f"logs {job}", f"logs {job} --follow"):
        assert sorted(line for line in told(kernel, command).splitlines() if line.endswith("epoch 8")) == each
    other = told(launch(CIAO_LOGS_FOLD="false"), f"attach {job}")
    assert sorted(line for line in other.splitlines() if line.endswith("epoch 8")) == each
