"""Whoever asks is told where every thread stands, and the cell goes on."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ciao.runner import STACKS_ANYHOW, STACKS_SIGNAL, stacks

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory and /proc"),
    pytest.mark.parametrize("python", ["3.8", "3.13"], indirect=True),
]

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))

Start = Callable[..., Any]
Asked = Callable[[], list[dict[str, Any]]]

ON = """\
import os, time; gone = lambda: os.path.exists('go')
def on():
    print('ready' + os.environ.get('LOCAL_RANK', '')); any(time.sleep(0.01) for _ in iter(gone, True))
"""
"""What says that it is ready stands where it will stand: a process may be held up between two lines."""


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """Of a name of its own: others may run on this machine."""
    return {"CIAO_JOB": str(abs(hash(str(tmp_path)))), "CIAO_REPLICA": "worker-0"}


@pytest.fixture
def asked(python: str, code_folder: Path, tmp_path: Path, job: dict[str, str]) -> Asked:
    """As in a pod: by the replica's Python, in a process of its own."""

    def ask() -> list[dict[str, Any]]:
        command = [python, str(code_folder / "ciao_runner" / "__main__.py"), "stacks", str(tmp_path / "cell_7.py")]
        done = subprocess.run(command, env={**os.environ, **job}, capture_output=True, check=True)
        assert done.stderr == b""
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


def test_every_thread_is_told_with_the_lines_of_the_cell_and_the_log_has_none_of_it(
    start: Start, job: dict[str, str], asked: Asked, tmp_path: Path
) -> None:
    program = start(
        f"{ON}import threading\n"
        "def wait_here(): print('waits'); threading.Event().wait()\n"
        "threading.Thread(target=wait_here, daemon=True).start()\n"
        "on()\n",
        **job,
    )
    for word in ("waits", "ready"):
        program.says(word)
    for _ in range(2):
        (told,) = asked()
        assert (told["v"], told["replica"], told["code"]) == (1, "worker-0", str(tmp_path))
        assert f'{tmp_path}/cell_7.py", line 5 in wait_here' in told["dump"]
        assert told["texts"]["7"] == "on()"
        assert told["dump"].rstrip().endswith("in <module>")
    (tmp_path / "go").touch()
    ended = program.end()
    assert (ended.code, sorted(ended.out.split())) == (0, [b"ready", b"waits"])


@pytest.mark.parametrize("library", ["CDLL", "PyDLL"])
def test_a_main_thread_that_waits_in_c_is_told_and_its_system_call_goes_on(
    start: Start, job: dict[str, str], asked: Asked, tmp_path: Path, library: str
) -> None:
    """A PyDLL lets no other thread run meanwhile."""
    block = f"code = ctypes.{library}(None).read(pipe, room, 1)"
    os.mkfifo(tmp_path / "pipe")
    program = start(
        "import ctypes, os\nroom = ctypes.create_string_buffer(8)\npipe = os.open('pipe', os.O_RDWR)\n"
        f"print('ready')\n{block}\nprint('code', code)\n",
        **job,
    )
    program.says("ready")
    program.until(lambda: stacks._state(program.process.pid) == "S")
    for _ in range(1 if library == "PyDLL" else 3):
        (told,) = asked()
        assert told["texts"] == {"5": block}
    (tmp_path / "pipe").write_bytes(b"x")
    program.says("code 1")


@pytest.mark.parametrize("call", ["poll(None, 0, 150)", "usleep(150000)"])
def test_no_system_call_of_the_main_thread_is_interrupted(
    start: Start, job: dict[str, str], asked: Asked, tmp_path: Path, call: str
) -> None:
    """These end early, or fail, whenever a signal comes to their thread, even one that lets others go on."""
    again = "while not os.path.exists('go')"
    program = start(f"import ctypes, os\n{again}: print('ended', ctypes.CDLL(None).{call})\n", **job)
    program.says("ended")
    assert "2" in asked()[0]["texts"]
    (tmp_path / "go").touch()
    assert set(program.end().out.splitlines()) == {b"ended 0"}


def test_a_cell_that_computes_is_asked_many_times_and_goes_on(
    start: Start, job: dict[str, str], tmp_path: Path
) -> None:
    """To look at frames while they change would crash it, sooner or later."""
    busy = "import os\ndef f(n): return n and f(n - 1)\nprint('ready')\n"
    program = start(f"{busy}while not os.path.exists('go'): exec('[f(x) for x in range(30)]')\n", **job)
    program.says("ready")
    for _ in range(10 * TIMES):
        (told,) = stacks.ask(job["CIAO_JOB"], str(tmp_path), within=30)
        assert told["dump"]
    (tmp_path / "go").touch()
    assert program.end().code == 0


def test_each_of_several_processes_is_told(start: Start, job: dict[str, str], asked: Asked) -> None:
    program = start(f"{ON}on()\n", "init", CIAO_NPROC="2", **job)
    for number in "01":
        program.says(f"ready{number}")
    assert [(one["process"], one["texts"]["4"]) for one in asked()] == [("0", "on()"), ("1", "on()")]


def test_a_process_that_the_cell_forked_is_not_asked(start: Start, job: dict[str, str], asked: Asked) -> None:
    child = "if os.fork() == 0:\n    print('forked')\n    time.sleep(600)\n    os._exit(0)\n"
    program = start(f"{ON}{child}on()\n", **job)
    for word in ("forked", "ready"):
        program.says(word)
    assert [sorted(one["texts"]) for one in asked()] == [["3", "8"]]


def test_a_handler_of_the_users_is_not_called(start: Start, job: dict[str, str], asked: Asked) -> None:
    names = "[s for s in signal.Signals if s.name in ('SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGALRM')]"
    code = f"{ON}import signal\nfor s in {names}: signal.signal(s, lambda *_: os._exit(3))\non()\n"
    program = start(code, **job)
    program.says("ready")
    assert len(asked()) == 1
    (program.folder / "go").touch()
    assert program.end().code == 0


@pytest.mark.parametrize(
    "left",
    [
        "os.execlp('sh', 'sh', '-c', 'echo ready; exec sleep 60')",
        "import signal; signal.signal(47, signal.SIG_DFL); on()",
        "os.closerange(3, 1000); on()",
    ],
)
def test_who_would_not_live_through_the_question_is_not_asked(
    start: Start, job: dict[str, str], asked: Asked, left: str
) -> None:
    program = start(f"{ON}{left}\n", **job)
    program.says("ready")
    assert not any(one["dump"] for one in asked())
    assert program.process.poll() is None


def test_who_is_stopped_gives_no_answer_and_says_why(start: Start, job: dict[str, str], tmp_path: Path) -> None:
    program = start(f"{ON}on()\n", **job)
    program.says("ready")
    program.signal(signal.SIGSTOP)
    program.until(lambda: stacks._state(program.process.pid) == "T")
    (told,) = stacks.ask(job["CIAO_JOB"], str(tmp_path), within=0.2)
    assert (told["dump"], told["state"]) == ("", "T")
    program.signal(signal.SIGCONT)
    (tmp_path / "go").touch()
    assert program.end().code == 0


def test_two_who_ask_at_the_same_time_both_get_an_answer(
    start: Start, job: dict[str, str], tmp_path: Path, asked: Asked
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    program = start(f"{ON}on()\n", **job)
    program.says("ready")
    with ThreadPoolExecutor(4) as pool:
        told = [future.result() for future in [pool.submit(asked) for _ in range(4)]]
    assert [sorted(one["texts"]) for (one,) in told] == [["3", "4"]] * 4


class Asks:
    """A process that can be asked at a time, or once ``after`` is let go, and answers at another."""

    asked, let_go, answered = True, False, False

    def __init__(self, clock: Any, *, begins: float = 0.0, answers: float = 0.0, after: Asks | None = None) -> None:
        self._clock, self._begins, self._answers, self._after = clock, begins, answers, after

    def begin(self) -> bool:
        return self._clock.now >= self._begins and (self._after is None or self._after.let_go)

    def look(self, _within: float) -> bool:
        self.answered = self._clock.now >= self._answers
        return self.answered

    def end(self) -> None:
        self.let_go = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """On which whoever sleeps spends no time."""
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(stacks, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    return clock


def test_two_who_ask_never_wait_for_each_other(python: str, clock: SimpleNamespace) -> None:
    """The other one asks the second, and waits for the first."""
    first = Asks(clock)
    second: Any = Asks(clock, after=first)
    stacks._ask_each([first, second], within=1.0)  # type: ignore[list-item]  # all that is asked of it
    assert (second.answered, clock.now < 0.1) == (True, True)


def test_who_is_asked_late_because_another_asks_it_has_its_whole_time(python: str, clock: SimpleNamespace) -> None:
    late: Any = Asks(clock, begins=0.9, answers=1.5)
    stacks._ask_each([late], within=1.0)
    assert late.answered


def test_only_the_job_and_the_replica_that_are_meant_are_asked(
    start: Start, job: dict[str, str], tmp_path: Path
) -> None:
    program = start(f"{ON}on()\n", **job)
    program.says("ready")
    code = str(tmp_path)
    assert stacks.ask("pytorch-x2", code) == stacks.ask(job["CIAO_JOB"], code, replica="worker-1") == []
    assert len(stacks.ask(job["CIAO_JOB"], code, replica="worker-0", within=30)) == 1


def test_an_answer_without_end_is_cut_at_its_beginning(
    monkeypatch: pytest.MonkeyPatch, start: Start, job: dict[str, str]
) -> None:
    monkeypatch.setattr(stacks, "LONGEST", 100)
    program = start(f"{ON}on()\n", **job)
    program.says("ready")
    (told,) = stacks.ask(job["CIAO_JOB"], "", within=30)
    assert len(told["dump"]) == 100
    assert told["dump"].endswith("in <module>\n")


def test_the_signal_is_none_that_has_a_name(python: str) -> None:
    for number in (STACKS_SIGNAL, STACKS_ANYHOW):
        assert number not in {int(one) for one in signal.Signals}
        assert signal.SIGRTMIN < number < signal.SIGRTMAX
    assert isinstance(ast.parse(Path(stacks.__file__).read_text(), feature_version=(3, 8)), ast.Module)
