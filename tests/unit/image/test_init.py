"""The first process of the container, here as the one that orphans are given to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

INIT = Path(__file__).parents[3] / "deploy/image/init.py"
AS_FIRST = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execv(sys.argv[1], sys.argv[1:])"
"""PR_SET_CHILD_SUBREAPER, see prctl(2)."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs in containers of Linux")

ORPHANING = """
import os, sys, time
here, there = os.pipe()
if not os.fork():
    if not os.fork():
        os.write(there, str(os.getpid()).encode())
        os._exit(0)
    os._exit(0)
os.wait()
orphan, end = os.read(here, 9).decode(), time.monotonic() + 30
while os.path.exists(f"/proc/{orphan}"):
    if time.monotonic() > end:
        sys.exit(1)
    time.sleep(0.002)
sys.exit(7)
"""
WAITING = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("ready", flush=True)
signal.pause()
"""


def start(*command: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", AS_FIRST, sys.executable, "-I", "-S", str(INIT), *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_ends_with_the_code_of_the_command_and_takes_in_what_that_left_behind() -> None:
    with start(sys.executable, "-c", ORPHANING) as process:
        assert process.wait(60) == 7


def test_a_signal_is_passed_on() -> None:
    with start(sys.executable, "-c", WAITING) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 5


def test_a_command_that_a_signal_ended_is_told_as_a_shell_tells_it() -> None:
    with start("sh", "-c", "kill -9 $$") as process:
        assert process.wait(60) == 128 + signal.SIGKILL


def test_signals_are_not_blocked_in_the_command() -> None:
    ask = "import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    with start(sys.executable, "-c", ask) as process:
        assert process.wait(60) == 0


def test_a_command_that_is_not_there_is_named() -> None:
    with start("no-such-program") as process:
        assert process.communicate(timeout=60)[1] == f"no-such-program cannot be started: {os.strerror(2)}.\n"
        assert process.returncode == 127
