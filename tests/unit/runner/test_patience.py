"""An end to what waits for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, time
from ciao.runner.patience import Late, Patience
from ciao.runner.telling import safe_text
class Evil:
    def __str__(self):
        left, again = signal.getitimer(signal.ITIMER_REAL)  # it is set, and rings while this is asked, not before
        signal.setitimer(signal.ITIMER_REAL, left and 0.01, again)
        {body}
with Patience(30):
    print(safe_text(Evil(), 100))
time.sleep(0.1)
print("goes on")
"""


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        "while True: pass",
        "import threading; threading.Event().wait()",
    ],
)
def test_a_text_that_does_not_come_is_not_waited_for(body: str) -> None:
    program = PROGRAM.format(body=body)
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "<exception str() does not return>\ngoes on\n"


def test_a_text_that_catches_everything_is_asked_again() -> None:
    body = "try: time.sleep(60)\n        except BaseException: time.sleep(60)"
    program = PROGRAM.format(body=body)
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.startswith("<exception str() does not return>")
