"""What torchrun says of its own end, held back and told as one block. The real one is in tests/training."""

from __future__ import annotations

import io
import json
import os
import sys
from binascii import crc32
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from ciao.runner.torchrun import Holding, report, watched

FAILS = "ERROR: failed (exitcode: 1)\n"


class SignalException(Exception):
    """As torchrun's, with the signal."""


class Agent:
    """torchrun's, with one failure of its processes to see."""

    def __init__(self, held: Holding, *, restarts: int, exitcode: int) -> None:
        self._held, self._remaining_restarts, self._exitcode = held, restarts, exitcode

    def _monitor_workers(self) -> Any:
        self._held.write(FAILS)
        return SimpleNamespace(is_failed=lambda: True, failures={0: SimpleNamespace(exitcode=self._exitcode)})


def seen(restarts: int, exitcode: int) -> tuple[str, str]:
    """What was written of such a failure, and what is held."""
    stream = io.StringIO()
    held = Holding(stream)
    watch = type("Watched", (Agent,), {"_monitor_workers": Agent._monitor_workers})
    watched(watch, held)
    try:
        watch(held, restarts=restarts, exitcode=exitcode)._monitor_workers()
    except SignalException as left:
        held.write(str(left))
    return stream.getvalue(), held.taken()


def test_a_failure_is_held_back_if_it_is_the_last() -> None:
    assert (seen(1, 1), seen(0, 1)) == ((FAILS, ""), ("", FAILS))


def test_what_other_threads_write_is_the_cells_and_never_held() -> None:
    stream = io.StringIO()
    held = Holding(stream)
    held.on = True
    thread = Thread(target=held.write, args=("epoch 1\n",))
    thread.start()
    thread.join()
    assert (stream.getvalue(), held.taken()) == ("epoch 1\n", "")


@pytest.mark.parametrize(("host", "exitcode", "leaves"), [(0, -9, True), (1, -9, False), (0, -6, False), (0, 3, False)])
def test_a_worker_leaves_for_a_signal_unless_the_others_meet_there(
    monkeypatch: pytest.MonkeyPatch, host: int, exitcode: int, *, leaves: bool
) -> None:
    monkeypatch.setenv("PET_RDZV_CONF", f"is_host={host},last_call_timeout=10")
    module = SimpleNamespace(SignalException=SignalException)
    monkeypatch.setitem(sys.modules, "torch.distributed.elastic.multiprocessing.api", module)
    for name in (
        "torch",
        "torch.distributed",
        "torch.distributed.elastic",
        "torch.distributed.elastic.multiprocessing",
    ):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__path__=[]))
    assert ("failed (exitcode: -9)" in seen(1, exitcode)[1]) == leaves


def test_what_is_logged_while_a_signal_is_handled_is_held_and_told_with_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "records"
    pipe.touch()
    held = Holding(sys.stderr)
    held.write("before\n")
    try:
        raise SignalException("got signal: 15")  # noqa: TRY301  # it must have been raised
    except SignalException as error:
        held.write("WARNING: closing\n")
        report(error, held, os.fspath(pipe))
    before, _, block = capfd.readouterr().err.partition("before\n")
    first, *lines, last = block.splitlines()
    assert (before, first, lines) == ("", "Traceback (most recent call last):", ["WARNING: closing"])
    assert last.endswith("SignalException: got signal: 15")
    told = json.loads(pipe.read_text())
    assert told == {"v": 1, "type": "report", "lines": block.count("\n"), "crc": crc32(block.encode())}


@pytest.mark.parametrize("agent", [None, type("Other", (), {})])
def test_of_a_version_that_has_its_agent_elsewhere_all_is_shown(agent: Any) -> None:
    stream = io.StringIO()
    held = Holding(stream)
    watched(agent, held)
    held.write(FAILS)
    assert stream.getvalue() == FAILS
