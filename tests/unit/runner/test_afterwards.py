"""A process that crashes when Python ends, after its code was done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

AT_THE_END = """
import os
class Late:
    def __del__(self, end=os.{end}, pid=os.getpid()): end({arguments})
late = Late()
print("trained")
{last}
"""
ABORTS = {"end": "abort", "arguments": ""}
WORDS = b"ciao: SIGABRT while Python ended, when the code was done: the replica has succeeded"


@pytest.mark.parametrize("last", ["", "raise SystemExit", "import sys; sys.exit(0)"])
def test_is_no_failure_of_the_code_and_is_told_in_the_log(run: Run, tmp_path: Path, last: str) -> None:
    ended = run(AT_THE_END.format(**ABORTS, last=last), "init", CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    lines = ended.out.splitlines()
    assert (ended.code, lines[-1]) == (0, WORDS)
    assert b"trained" in lines
    assert json.loads((tmp_path / "message").read_bytes())["code"] == 0
    assert b'"done"' not in ended.out


def test_of_several_processes_the_others_go_on(run: Run) -> None:
    others = "if os.environ['LOCAL_RANK'] != '0':\n    del Late.__del__; import threading; threading.Event().wait(0.2)"
    ended = run(AT_THE_END.format(**ABORTS, last=f"{others}\n    print('and saved')"), "init", CIAO_NPROC="3")
    assert (ended.code, ended.out.count(WORDS), ended.out.count(b"and saved")) == (0, 1, 2)


@pytest.mark.parametrize(
    "last",
    [
        "1 / 0",
        "import sys; sys.exit(3)",
        "os.abort()",
        "import atexit; atexit.register(os.abort)",
        "import threading; threading.Thread(target=os.abort).start()",
    ],
)
def test_what_ends_it_before_is_a_failure(run: Run, last: str) -> None:
    ended = run(AT_THE_END.format(**ABORTS, last=last), "init")
    assert ended.code not in (0, None)
    assert WORDS not in ended.out


@pytest.mark.parametrize(("number", "code"), [(15, 143), (9, 137)])
def test_a_signal_of_somebody_elses_is_none(run: Run, number: int, code: int) -> None:
    ended = run(AT_THE_END.format(end="kill", arguments=f"pid, {number}", last=""), "init")
    assert ended.code == code
