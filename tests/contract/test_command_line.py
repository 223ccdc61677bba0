"""The command line as a person uses it: real processes, real jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

DEADLINE = 60.0

Ciao = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def ciao(tmp_path: Path) -> Iterator[Ciao]:
    """Start ``ciao ...`` in a home of its own. Jobs that are left are ended."""
    environ = os.environ | {"CIAO_HOME": str(tmp_path / "home"), "CIAO_GRACE": "1"}

    def start(*words: str, stdout: int | TextIO = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ciao", *words],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environ | variables,
            cwd=tmp_path,
        )

    yield start
    for job in json.loads(said(start("jobs", "--json"))[1]):
        said(start("delete", job["job"]["name"]))


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(code: str) -> str:
        path = tmp_path / "train.py"
        path.write_text(f"%framework=pytorch\n%worker=2\n{code}\n")
        return str(path)

    return write


Write = Callable[[str], str]

LASTS = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def running(ciao: Ciao) -> list[str]:
    found = json.loads(said(ciao("jobs", "--json"))[1])
    return [job["job"]["name"] for job in found if job["phase"] == "running"]


def test_a_file_runs_as_a_job_that_is_then_listed_shown_and_deleted(ciao: Ciao, file: Write) -> None:
    status, out, _ = said(ciao("run", file("import os\nprint('rank', os.environ['RANK'])")))
    assert (status, sorted(out.splitlines())) == (0, ["worker-0 | rank 0", "worker-1 | rank 1"])
    [job] = json.loads(said(ciao("jobs", "--json"))[1])
    name = job["job"]["name"]
    assert f"{name}  succeeded  2 succeeded" in said(ciao("jobs"))[1]
    assert "framework  pytorch" in said(ciao("describe", name[:9]))[1]
    assert said(ciao("logs", "worker-1"))[1] == "rank 1\n"
    assert said(ciao("delete", name)) == (0, f"{name} is deleted\n", "")
    assert said(ciao("jobs"))[1] == "No jobs on local yet\n"


def test_a_failure_is_shown_with_its_line_of_the_file(ciao: Ciao, file: Write) -> None:
    status, _, err = said(ciao("run", file("import os\nif os.environ['RANK'] == '1':\n    raise ValueError('no')")))
    assert status == 1
    assert "train.py, line 5" in err
    assert "ValueError: no\nraised in worker-1\n" in err
    assert "\x1b" not in err


def test_ctrl_c_ends_the_job_and_leaves_its_log(ciao: Ciao, file: Write) -> None:
    process = ciao("run", file(LASTS))
    first = first_line(process)
    process.send_signal(signal.SIGINT)
    status, _, err = said(process)
    assert (status, first[8:]) == (130, " | begun\n")
    assert "is being cancelled" in err
    assert running(ciao) == []
    assert "cancelled" in said(ciao("jobs"))[1]


def test_a_job_is_followed_and_cancelled_from_elsewhere(ciao: Ciao, file: Write) -> None:
    job = ciao("run", file(LASTS))
    first_line(job)
    [name] = running(ciao)
    attached = ciao("attach")
    assert first_line(attached).endswith(" | begun\n")
    assert "goes on: ciao logs" in said(ciao("logs", name))[2]
    attached.send_signal(signal.SIGINT)
    status, _, err = said(attached)
    assert (status, err.splitlines()[-1]) == (130, f"{name} goes on")
    assert said(ciao("cancel", name)) == (0, f"{name} is cancelled\n", "")
    assert said(job)[0] == 143


def test_a_job_in_the_background_outlives_the_command(ciao: Ciao, file: Write, tmp_path: Path) -> None:
    status, _, _ = said(ciao("run", file(f"%background=true\n{LASTS}")))
    assert status == 0
    deadline = time.monotonic() + DEADLINE
    while not (names := running(ciao)):  # its supervisor has been started, and may not have begun
        assert time.monotonic() < deadline
    [name] = names
    while "begun" not in said(ciao("logs", name))[1]:
        assert time.monotonic() < deadline
    assert said(ciao("delete", name))[1] == f"{name} was running; cancelled and deleted\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_complains_when_the_reader_of_a_pipe_goes_away(ciao: Ciao, file: Write, unbuffered: str) -> None:
    said(ciao("run", file("for i in range(20000): print(i)")))
    with ciao("logs", PYTHONUNBUFFERED=unbuffered) as process:
        first_line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(DEADLINE) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("words", [("jobs",), ("logs",), ("attach", "pytorch")])
def test_a_full_disk_behind_standard_output_is_said(ciao: Ciao, file: Write, words: tuple[str, ...]) -> None:
    said(ciao("run", file("print('a')")))
    with Path("/dev/full").open("w") as full:
        status, _, err = said(ciao(*words, stdout=full))
    assert status == 1
    assert err.endswith("ciao: standard output cannot be written: No space left on device\n")


def test_a_pipe_gets_no_colours_and_a_terminal_does_unless_it_says_no(ciao: Ciao, file: Write, tmp_path: Path) -> None:
    assert said(ciao("run", file("print('a')")))[1].count("\x1b") == 0
    assert "\x1b[38;5;" in on_a_terminal(tmp_path, TERM="xterm")
    assert "\x1b" not in on_a_terminal(tmp_path, TERM="xterm", NO_COLOR="1")


def on_a_terminal(folder: Path, **variables: str) -> str:
    import pexpect

    environ = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"CIAO_HOME": str(folder / "home")}
    found = pexpect.run(
        f"{sys.executable} -m ciao logs", env=environ | variables, timeout=int(DEADLINE), encoding="utf-8"
    )

    return str(found)
