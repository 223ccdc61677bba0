"""What the end of a log tells of a process that died without a word."""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.runner import FRAME, crash
from ciao.runner.tail import TAIL, Tail

CELL = "/ciao/code/cell_7.py"
STACK = """\
step 1
Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/lib/threading.py", line 9 in wait

Current thread 0x00007f02 [MainThread] (most recent call first):
  File "/lib/ctypes/__init__.py", line 519 in string_at
  File "/ciao/code/cell_7.py", line 4 in native
  File "/ciao/code/cell_7.py", line 6 in <module>
  File "/ciao/code/ciao_runner/cell.py", line 138 in _run
  File "/ciao/code/ciao_runner/__main__.py", line 36 in <module>

Extension modules: numpy (total: 1)
"""


def died(text: str, *, signal: int = 11, several: bool = False) -> dict[str, Any]:
    tail = Tail()
    tail.add(text.encode())
    return json.loads(crash.line(crash.died(tail, cell=CELL, signal=signal, several=several) or {}))  # type: ignore[no-any-return]  # JSON


def lines(record: dict[str, Any]) -> list[tuple[int, str, bool]]:
    return [(frame["line"], frame["name"], frame["cell"]) for frame in record["error"]["frames"]]


def test_the_stack_is_that_of_the_thread_that_crashed_outermost_first_without_the_runner() -> None:
    record = died(STACK)
    assert record["error"]["ename"] == "Segmentation fault"
    assert lines(record) == [(6, "<module>", True), (4, "native", True), (519, "string_at", False)]


def test_a_crash_in_a_thread_that_python_does_not_know_is_told_by_the_main_thread() -> None:
    assert lines(died(STACK.replace("Current thread", "Thread")))[1] == (4, "native", True)


@pytest.mark.parametrize("behind", ["", "\n\n", "a child of it writes on\n", "Traceback (most recent call last):\n"])
@pytest.mark.parametrize("before", ["", STACK, "50% |####  "])
def test_what_python_wrote_of_the_crash_is_told_by_length_and_checksum(before: str, behind: str) -> None:
    dump = STACK.partition("step 1\n")[2]
    record = died(before + dump + behind)
    assert (record["lines"], record["crc"]) == (dump.count("\n"), crc32(dump.encode()))


def test_of_a_death_of_which_python_wrote_nothing_no_lines_are_told() -> None:
    assert "lines" not in died("free(): invalid pointer\n", signal=6)


def test_only_the_last_crash_counts() -> None:
    assert lines(died(STACK.replace("line 4", "line 2") + STACK))[1] == (4, "native", True)


def test_a_stack_without_end_is_an_overflow() -> None:
    frames = '  File "/ciao/code/cell_7.py", line 3 in f\n' * 100
    text = f"Fatal Python error: Segmentation fault\n\nCurrent thread 0x01 (most recent call first):\n{frames}  ...\n"
    assert died(text)["error"]["evalue"] == crash.OVERFLOW


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("free(): invalid pointer\n", "free(): invalid pointer"),
        ("terminate called after throwing an instance of 'E'\n  what():  no device\n", "no device"),
        ("terminate called without an active exception\n", "terminate called without an active exception"),
        ("*** stack smashing detected ***: terminated\n", "*** stack smashing detected ***: terminated"),
        ("x.c:3: main: Assertion `n > 0' failed.\n", "x.c:3: main: Assertion `n > 0' failed."),
        ("F1123 15:03:11.123 42 client.h:80] Terminating process\n", "Terminating process"),
        ("2026-11-23 15:03:11.123: F xla/client.h:80] Check failed: ok\n", "Check failed: ok"),
        ("Fatal Python error: none_dealloc: deallocating None\n", "none_dealloc: deallocating None"),
        ("an ordinary line\nFatal Python error: Aborted\n", ""),
        ("free memory: 12 GiB\nFatal Python error: Aborted\n", ""),
    ],
)
def test_an_abort_is_told_by_the_words_of_whoever_aborted(written: str, said: str) -> None:
    record = died(f"epoch 3\n{written}", signal=6)
    assert record.get("error", {}).get("evalue", "") == said


@pytest.mark.parametrize(
    "text",
    [
        "mpirun noticed that process rank 2 with PID 0 on node vm exited on signal 9 (Killed).\n",
        "  Process name: [[10594,1],2]\n  Exit code:    3\n",
        "= BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES\n=   RANK 2 PID 31 RUNNING AT n1\n",
    ],
)
def test_of_several_processes_the_one_is_named_that_their_program_names(text: str) -> None:
    assert died(text, signal=0, several=True)["rank"] == 2
    assert died(text, signal=0) == {}


def test_an_ordinary_log_tells_nothing() -> None:
    assert died("epoch 1\nepoch 2\n") == {}


@given(text=st.text() | st.lists(st.sampled_from(STACK.splitlines(keepends=True))).map("".join))
def test_whatever_is_written_is_a_record_or_none(text: str) -> None:
    died(text, signal=6, several=True)


def test_of_a_long_log_the_end_is_kept() -> None:
    tail = Tail()
    for number in range(50_000):
        tail.add(b"line %d\n" % number)
    assert len(tail.text) == TAIL
    assert tail.text.endswith("line 49999\n")


def test_the_termination_message_tells_where_it_crashed(run: Callable[..., Any], tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    code = "import ctypes\ndef native():\n    ctypes.string_at(0)\nnative()\n"
    ended = run(code, "init", CIAO_TERMINATION_LOG=str(told))
    record = json.loads(told.read_text())
    assert (record["type"], record["signal"]) == ("died", 11)
    assert [frame["line"] for frame in record["error"]["frames"] if frame["cell"]] == [4, 3]
    logged = ended.out.replace(FRAME.encode(), b"").splitlines(keepends=True)
    assert json.loads(logged[-1])["crc"] == record["crc"]
    written = logged[logged.index(b"Fatal Python error: Segmentation fault\n") :]
    dump = b"".join(line for line in written if line[:1] != b"{")
    assert (record["lines"], record["crc"]) == (dump.count(b"\n"), crc32(dump))


def test_of_several_processes_of_a_replica_the_one_that_failed_is_named(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.touch()
    code = "import os, time\nif os.environ['RANK'] == '5': os._exit(3)\ntime.sleep(60)\n"
    ranks = {"CIAO_NPROC": "2", "CIAO_RANKS": "RANK/WORLD_SIZE", "RANK": "2", "WORLD_SIZE": "3"}
    run(code, "init", CIAO_TERMINATION_LOG=str(told), **ranks)
    assert json.loads(told.read_text())["rank"] == 5


def test_a_process_that_ended_itself_is_told_with_the_traceback_at_the_end_of_its_log() -> None:
    shown = 'Traceback (most recent call last):\n  File "/ciao/code/cell_7.py", line 3, in f\n    1 / 0\nE: no\n'
    error = died(f"epoch 1\n{shown}", signal=0)["error"]
    assert (error["ename"], error["evalue"], error["frames"][0]["line"]) == ("E", "no", 3)
    assert died(shown + "epoch\n" * 100, signal=0) == {}
    torchruns = shown.replace("E: no", "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n====\n")
    assert died(torchruns, signal=0) == {}
