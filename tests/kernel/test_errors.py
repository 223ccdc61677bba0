"""What a failed job cell looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import Kernel
from fakes.processes import LINUX

HEAD = "%framework=pytorch\n"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_the_training_codes_exception_is_the_cells_error(kernel: Kernel) -> None:
    code = (
        "import os, time\n\ndef train():\n    raise ValueError('no data')\n\n"
        "if os.environ['RANK'] == '1':\n    train()\n"
    )
    name, value, text = kernel.run(f"%framework=pytorch\n%worker=2\n{code}time.sleep(60)").error
    text = ANSI.sub("", text)
    assert (name, value) == ("ValueError", "no data")
    assert re.search(r"Cell In\[\d+\], line 9\n", text)
    assert re.search(r"Cell In\[\d+\], line 6, in train\(\)\n", text)
    assert "----> 6     raise ValueError('no data')" in text
    assert "raised in worker-1" in text


FAIL = """%framework=pytorch
%worker=3
import logging, os, time
print("begins")
try:
    {}["step"]
except KeyError:
    logging.exception("handled")
with open(f"begun{os.getpid()}", "w"): pass
while len(begun := [name[5:] for name in os.listdir() if name.startswith("begun")]) < 3:
    time.sleep(0.005)
if os.environ["RANK"] == "1":
    while sum(os.path.exists(f"/proc/{pid}") for pid in begun) > 1:  # its own end would be that of the others
        time.sleep(0.005)
    raise ValueError("bad batch")
raise ConnectionError("connection closed by peer")
"""


LONG = {
    "recursion": ("def f(): return g()\ndef g(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "crash": ("import ctypes\nctypes.string_at(0)", "Segmentation fault"),
    "pool": (
        "from multiprocessing import get_context\nwith get_context('fork').Pool(1) as pool:\n    pool.map(int, ['x'])",
        "ValueError: invalid literal for int() with base 10: 'x'",
    ),
}


@pytest.mark.parametrize("what", LONG)
def test_whatever_python_writes_at_its_end_is_one_line_in_the_cell(kernel: Kernel, what: str) -> None:
    code, words = LONG[what]
    stream = ANSI.sub("", kernel.run(f"{HEAD}{code}\n").stdout)
    told = [line.partition(" | ")[2].partition(" (traceback of")[0] for line in stream.splitlines() if " | " in line]
    assert set(told) == {words}, stream


TWO = """%framework=pytorch
%worker=1;%nproc=2
import atexit, os, time
if os.environ["RANK"] == "1":
    while not os.path.exists("up"):
        time.sleep(0.01)
    raise KeyError("label")
def last():
    open("up", "w").close()
    time.sleep(60)  # its end would be the end of the other
atexit.register(last)
raise OSError("disk full")
"""


def test_each_process_of_a_replica_has_the_words_of_its_own_error(kernel: Kernel) -> None:
    stream = ANSI.sub("", kernel.run(TWO).stdout)
    told = re.findall(r"^worker-0 \| (.*) \(traceback of \d+ lines", stream, re.MULTILINE)
    assert sorted(told) == ["KeyError: 'label'", "OSError: disk full"], stream


def test_the_tracebacks_of_replicas_are_said_once_in_the_cell_and_kept_in_the_log(kernel: Kernel) -> None:
    ran = kernel.run(FAIL)
    stream = ANSI.sub("", ran.stdout)
    (job,) = re.findall(r"^job (\S+)", stream, re.MULTILINE)
    for replica, raised in (("0", "ConnectionError: connection closed by peer"), ("1", "ValueError: bad batch")):
        assert f"worker-{replica} | {raised} (traceback of 4 lines: `%ciao logs {job} worker-{replica}`)\n" in stream
    assert len(re.findall(r"Traceback|KeyError", stream)) == 6  # those that were handled
    assert "Error" not in re.sub(r".*traceback of.*|.*KeyError.*", "", stream)
    assert "raise ValueError" in ANSI.sub("", ran.error[2])
    log = kernel.run(f"%ciao logs {job} worker-1").stdout
    assert len(re.findall("Traceback", log)) == 2
    assert log.rstrip().endswith("ValueError: bad batch")
    follow = kernel.run(f"%ciao logs {job} --follow").stdout
    assert follow.count("Traceback") == 6
    attach = kernel.run(f"%ciao attach {job}")
    assert ANSI.sub("", attach.stdout).count("Traceback") == 3
    assert attach.error[:2] == ("ValueError", "bad batch")


@LINUX
def test_a_replica_that_uses_more_memory_than_it_asked_for_is_the_cells_error(kernel: Kernel) -> None:
    wait = "import time\nwhile True: time.sleep(0.05)\n"
    code = f"import os\nif os.environ['RANK'] == '1':\n    kept = bytearray(b'x') * (300 * 1024**2)\n{wait}"
    ran = kernel.run(f"%framework=pytorch\n%worker=2;%memory=150Mi\n{code}")
    name, value, text = ran.error
    assert name == "OOMKilled"
    assert value.startswith("it used more memory than its limit of 150Mi: ")
    assert "worker-1" in ANSI.sub("", text)
    assert "Raise it, for example %worker=2;%memory=" in ANSI.sub("", text)


def test_a_librarys_frames_have_their_source(kernel: Kernel) -> None:
    name, _, text = kernel.run(f"{HEAD}import json\njson.loads('{{')").error
    text = ANSI.sub("", text)
    assert name == "JSONDecodeError"
    assert re.search(r"File master-0:\S+/json/decoder\.py:\d+, in raw_decode\(\)", text)
    assert "raise JSONDecodeError(" in text


def test_a_cause_is_shown_above_its_effect(kernel: Kernel) -> None:
    code = "try:\n    {}['k']\nexcept KeyError as e:\n    raise RuntimeError('outer') from e"
    _, _, text = kernel.run(f"{HEAD}{code}").error
    text = ANSI.sub("", text)
    assert text.index("KeyError: 'k'") < text.index("direct cause") < text.index("RuntimeError: outer")


def test_the_error_of_an_exception_group_is_one_error_of_the_cell(kernel: Kernel) -> None:
    name, _, _ = kernel.run(f"{HEAD}raise ExceptionGroup('two', [ValueError(1), KeyError(2)])").error
    assert name == "ExceptionGroup"


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        ("import sys; sys.exit(3)", "SystemExit", "3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", "killed by hand"),
    ],
)
def test_an_end_without_an_exception_is_told_in_words(kernel: Kernel, code: str, name: str, value: str) -> None:
    error = kernel.run(f"{HEAD}{code}").error
    assert error[0] == name
    assert value in error[1]
    assert "Traceback" not in error[2]


def test_an_option_at_fault_is_shown_with_a_caret_and_what_was_meant(kernel: Kernel) -> None:
    name, value, text = kernel.run("%framwork=pytorch\npass").error
    assert name == "OptionError"
    assert value.startswith("line 1: ")
    assert text.splitlines()[1].endswith(", line 1")
    assert text.splitlines()[2:4] == ["%framwork=pytorch", " ^^^^^^^^"]
    assert "Did you mean framework?" in text


@pytest.mark.parametrize(
    ("cell", "picture", "hint"),
    [
        ("%%time\n%framework=pytorch\npass", "%%time\n^^^^^^", "Remove it: the status line shows how long"),
        ("%%capture x\n%framework=pytorch\npass", "%%capture x\n^^^^^^^^^", "%ciao logs shows it"),
        ("%framework pytorch\npass", "%framework pytorch\n ^^^^^^^^^^^^^^^^^", "Write %framework=pytorch"),
        ("%framework: pytorch\npass", "%framework: pytorch\n ^^^^^^^^^^^^^^^^^^", "Write %framework=pytorch"),
    ],
)
def test_what_ipython_would_not_understand_is_told_in_our_words(
    kernel: Kernel, cell: str, picture: str, hint: str
) -> None:
    ran = kernel.run(cell)
    assert ran.error[0] == "OptionError"
    assert f", line 1\n{picture}\n" in ran.error[2]
    assert hint in ran.error[2]
    assert ran.displays == {}


def test_a_syntax_error_is_shown_at_its_line_and_nothing_runs(kernel: Kernel) -> None:
    ran = kernel.run(f"{HEAD}x = 1\nx = = 2")
    assert ran.error[0] == "CodeError"
    assert ", line 3\nx = = 2\n" in ran.error[2]
    assert ran.displays == {}


def test_a_job_that_is_refused_has_a_status_that_stays_true(kernel: Kernel) -> None:
    ran = kernel.run("%python=/nowhere\n%framework=pytorch\npass")
    assert ran.error[0] == "CreateRefused"
    assert ran.status == "not started · job on local"


def test_an_option_below_code_is_told_where_it_belongs(kernel: Kernel) -> None:
    assert "%worker=2 must be at the top of its cell" in kernel.run("x = 1\n%worker=2").error[1]


def test_an_unknown_command_is_an_error_with_a_suggestion(kernel: Kernel) -> None:
    assert "Did you mean jobs?" in kernel.run("%ciao jbos").error[1]


def test_a_mistake_in_the_cell_of_a_plan_is_shown_where_it_stands(kernel: Kernel) -> None:
    error = kernel.run("%%ciao plan\n%framework=jax\n%wroker=2\npass").error
    assert re.search(r"Cell In\[\d+\], line 3\n%wroker=2\n \^{6}\n", error[2])


@pytest.mark.parametrize("cell", [f"{HEAD}pass", "%ciao jobs", "%%ciao plan\n%framework=jax\nx", "%ciao attach"])
def test_broken_settings_are_told_without_frames_and_are_no_trouble_to_completion(
    launch: Callable[..., Kernel], home: Path, cell: str
) -> None:
    (home / "config.yaml").write_text("framwork: jax\n")
    kernel = launch()
    name, _, text = kernel.run(cell).error
    assert name == "SettingsError"
    assert text.startswith(f"SettingsError: {home}/config.yaml")
    assert "ciao/frontends" not in text
    assert kernel.answer(kernel.client.complete("%ciao desc"))["matches"] == ["describe"]


def test_an_error_of_a_job_is_not_the_traceback_of_the_cell_before(kernel: Kernel) -> None:
    kernel.run("1 / 0")
    assert "ZeroDivisionError" not in kernel.run(f"{HEAD}raise ValueError('mine')").error[2]


def test_cells_behind_a_failed_job_cell_do_not_run(kernel: Kernel, tmp_path: Path) -> None:
    waits = f"import os, time\nwhile not os.path.exists('{tmp_path}/go'): time.sleep(0.02)\n"
    first = kernel.client.execute(f"{HEAD}{waits}raise ValueError")
    second = kernel.client.execute("after = 1")
    (tmp_path / "go").touch()
    assert kernel.answer(first)["status"] == "error"
    assert kernel.answer(second)["status"] == "aborted"
    kernel.silent()
