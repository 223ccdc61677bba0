"""Process 1 of a pod, here as an ordinary process."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.runner.termination import message
from fakes.processes import until

Run = Callable[..., Any]
Start = Callable[..., Any]

FRAME = b"\x1eciao/1 "


def parts(out: bytes) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The lines of a log, and the records among them."""
    lines = out.split(b"\n")[:-1]
    records = [json.loads(line[len(FRAME) :]) for line in lines if line.startswith(FRAME)]
    return [line for line in lines if not line.startswith(FRAME)], records


def test_output_of_both_streams_comes_in_order_and_in_lines(run: Run) -> None:
    ended = run(
        "import sys, os\nfor i in range(3):\n  print('out', i)\n  print('err', i, file=sys.stderr)\n"
        "os.write(1, b'\\r1%\\r2%\\r\\nno end')\n",
        "init",
    )
    lines, records = parts(ended.out)
    assert lines == [b"out 0", b"err 0", b"out 1", b"err 1", b"out 2", b"err 2", b"1%\r", b"2%", b"no end"]
    assert (ended.code, ended.err, [r["type"] for r in records]) == (0, "", ["started"])


def test_a_megabyte_of_output_arrives_whole(run: Run) -> None:
    ended = run("for i in range(20000): print(i, 'x' * 50)\n", "init")
    assert parts(ended.out)[0] == [b"%d %s" % (i, b"x" * 50) for i in range(20000)]


@pytest.mark.parametrize(
    ("code", "status", "end"),
    [
        ("pass", 0, {"code": 0}),
        ("import sys; sys.exit(3)", 3, {"code": 3}),
        ("import os; os._exit(5)", 5, {"code": 5}),
        ("1 / 0", 1, {"code": 1}),
        ("import os; os.kill(os.getpid(), 9)", 137, {"signal": 9, "died": "SIGKILL"}),
        ("import ctypes; ctypes.string_at(0)", 139, {"signal": 11, "died": "SIGSEGV"}),
    ],
)
def test_the_end_of_the_cell_is_ours_and_stands_in_the_message(
    run: Run, tmp_path: Path, code: str, status: int, end: dict[str, Any]
) -> None:
    ended = run(code, "init", CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    told = json.loads((tmp_path / "message").read_bytes())
    assert ended.code == status
    assert {k: v for k, v in told.items() if k in ("code", "signal", "died", "stopped")} == end


def test_the_message_of_an_error_is_small_and_has_the_frames_of_the_cell(run: Run, tmp_path: Path) -> None:
    ended = run(
        "import json\ndef f():\n    try: json.loads('[')\n"
        "    except ValueError as e: raise ValueError('🎉' * 100_000) from e\nf()\n",
        "init",
        CIAO_TERMINATION_LOG=str(tmp_path / "message"),
    )
    data = (tmp_path / "message").read_bytes()
    error = json.loads(data)["error"]
    assert len(data) <= 4096
    assert [(f["name"], f["line"], f["source"]) for f in error["frames"]] == [("<module>", 5, []), ("f", 4, [])]
    assert (error["ename"], error["evalue"][:2]) == ("ValueError", "🎉🎉")
    (record,) = (r for r in parts(ended.out)[1] if r["type"] == "error")
    assert len(record["error"]["cause"]["frames"]) > 2


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"x",
        b"5",
        b"[" * 9999,
        b'{"error":5}',
        b'{"error":{"frames":[1]}}',
        b'{"message":7}',
        b'{"x":"%s"}' % (b"y" * 5000),
    ],
)
def test_a_record_that_is_none_still_makes_a_message(record: bytes) -> None:
    assert json.loads(message(record, -9, stopped=True)).items() >= {"signal": 9, "stopped": True}.items()


def test_the_message_tells_how_many_were_killed_for_want_of_memory() -> None:
    assert json.loads(message(b"", -9, stopped=False, oom_kills=2))["oom_kills"] == 2
    assert "oom_kills" not in json.loads(message(b"", -9, stopped=False))


LOOPS = {
    "default": "",
    "exits with 0": "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(0))\n",
    "ignores it": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
    "handler that never runs": "import signal, ctypes\nsignal.signal(signal.SIGTERM, print)\n",
}


@pytest.mark.parametrize("what", LOOPS)
def test_sigterm_ends_with_143_whatever_the_code_does(start: Start, tmp_path: Path, what: str) -> None:
    wait = "import time\nwhile True: time.sleep(0.01)\n"
    if what == "handler that never runs":  # a handler in Python waits for the call in C
        wait = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15])\nsignal.sigwait([10])\n"
    program = start(
        LOOPS[what] + "print('ready')\n" + wait,
        "init",
        CIAO_GRACE="0.1",
        CIAO_TERMINATION_LOG=str(tmp_path / "message"),
    )
    program.says("ready")
    program.signal(signal.SIGTERM)
    assert program.end().code == 143
    assert json.loads((tmp_path / "message").read_bytes())["stopped"] is True


def test_sigterm_gives_the_code_its_grace(start: Start) -> None:
    program = start(
        "import os, signal, sys, time\n"
        "def save(*_):\n    time.sleep(0.05); os.write(1, b'saved\\n'); sys.exit(0)\n"  # it may be in a print
        "signal.signal(signal.SIGTERM, save)\nprint('ready')\nwhile True: time.sleep(0.01)\n",
        "init",
        CIAO_GRACE="30",
    )
    program.says("ready")
    program.signal(signal.SIGTERM)
    ended = program.end()
    assert (ended.code, parts(ended.out)[0]) == (143, [b"ready", b"saved"])


def test_other_signals_reach_the_cell(start: Start) -> None:
    program = start(
        "import os, signal, time\n"
        "for s in (1, 2, 12): signal.signal(s, lambda n, _: os.write(1, b'got %d\\n' % n))\n"
        "print('ready')\nwhile True: time.sleep(0.01)\n",
        "init",
    )
    program.says("ready")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR2):
        program.signal(number)
        program.says(f"got {int(number)}")
    program.signal(signal.SIGUSR1)
    program.says("in <module>")


def test_what_the_cell_leaves_behind_is_killed(run: Run) -> None:
    ended = run("import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)\n", "init")
    (pid,) = parts(ended.out)[0]
    until(lambda: not _runs(int(pid)))


def test_a_process_that_left_the_group_does_not_hold_the_end(run: Run) -> None:
    ended = run(
        "import subprocess\nprint(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)\nraise SystemExit(4)",
        "init",
    )
    (pid,) = parts(ended.out)[0]
    os.kill(int(pid), signal.SIGKILL)
    assert ended.code == 4


TWICE = ("sh", "-c", 'RANK=0 "$@"; RANK=1 exec "$@"', "twice")
"""A program that starts the cell's processes, one after the other, as mpirun and torchrun do at once."""


def test_a_program_may_start_the_cells_processes(run: Run, tmp_path: Path) -> None:
    code = "import os\nprint('rank', os.environ['RANK'])\nif os.environ['RANK'] == '1': 1 / 0\n"
    ended = run(code, "init", program=TWICE, CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    lines, records = parts(ended.out)
    assert [line for line in lines if line.startswith(b"rank")] == [b"rank 0", b"rank 1"]
    assert [r["type"] for r in records] == ["started", "started", "error", "shown"]
    assert (ended.code, json.loads((tmp_path / "message").read_bytes())["error"]["ename"]) == (1, "ZeroDivisionError")


@pytest.mark.parametrize(("told", "code"), [(b"3", 3), (b"-11", 139), (b"1", 1), (b"--1", 1)])
def test_torchrun_tells_how_a_process_ended_and_ends_with_1_itself(run: Run, told: bytes, code: int) -> None:
    line = f"ERROR:torch.distributed.elastic:failed (exitcode: {told.decode()}) local_rank: 0 (pid: 7)"
    assert run("", "init", program=("sh", "-c", f"echo '{line}'; exit 1", "torchrun")).code == code


def test_the_report_of_a_program_is_no_failure_of_the_cell(run: Run, tmp_path: Path) -> None:
    report, said = '{"v": 1, "type": "report", "lines": 1, "crc": 7}', "terminate called without reason"
    program = ("sh", "-c", f"echo '{FRAME.decode()}{report}'; echo '{said}'; kill -6 $$", "torchrun")
    run("", "init", program=program, CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    assert json.loads((tmp_path / "message").read_bytes())["error"]["evalue"] == said


def test_a_program_that_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    ended = run("pass", "init", program=("no-such-mpirun",), CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    words = "no-such-mpirun cannot be started: No such file or directory"
    assert (ended.code, ended.err) == (127, words + "\n")
    assert json.loads((tmp_path / "message").read_bytes())["message"] == words


def test_several_processes_count_through_all_replicas(run: Run) -> None:
    code = "import os\nprint(*(os.environ[n] for n in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE')))\n"
    env = {"CIAO_NPROC": "3", "CIAO_RANKS": "RANK/WORLD_SIZE", "CIAO_VARIABLES": "RANK=1\nWORLD_SIZE=2"}
    ended = run(code, "init", **env)
    assert sorted(parts(ended.out)[0]) == [b"3 6 0 3", b"4 6 1 3", b"5 6 2 3"]
    assert ended.code == 0


def test_whole_lines_of_several_processes_come_unmixed(run: Run) -> None:
    code = "import os\nfor i in range(2000): print(os.environ['LOCAL_RANK'] * 40, i)\n"
    lines = parts(run(code, "init", CIAO_NPROC="2").out)[0]
    assert sorted(lines) == sorted(b"%d" % rank * 40 + b" %d" % i for rank in (0, 1) for i in range(2000))


def test_the_first_process_that_fails_ends_the_others_and_is_told(run: Run, tmp_path: Path) -> None:
    code = "import os, time\nif os.environ['LOCAL_RANK'] == '1': raise ValueError('me')\nwhile True: time.sleep(0.01)\n"
    ended = run(code, "init", CIAO_NPROC="3", CIAO_GRACE="0.5", CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    told = json.loads((tmp_path / "message").read_bytes())
    assert (ended.code, told["code"], told["error"]["evalue"]) == (1, 1, "me")
    assert "stopped" not in told


def test_the_cell_starts_in_the_working_directory_with_all_variables(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    code = "import os\nprint(os.getcwd(), os.environ['A'], sorted({'CIAO_WORK', 'CIAO_VARIABLES'} & set(os.environ)))"
    ended = run(code, "init", CIAO_WORK=str(tmp_path / "work"), CIAO_VARIABLES="A=1")
    assert parts(ended.out)[0] == [f"{tmp_path / 'work'} 1 []".encode()]


SUBREAPER = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to another process than 1")
def test_orphans_are_reaped(start: Start, python: str, code_folder: Path) -> None:
    program = start(
        "import os, subprocess, time\n"
        "out = subprocess.run(['sh', '-c', 'sleep 0.01 & echo $!'], stdout=subprocess.PIPE).stdout\n"
        "while os.path.exists('/proc/%d' % int(out)): time.sleep(0.01)\nprint('reaped')\n",
        "init",
        argv=(python, "-c", SUBREAPER, python, str(code_folder / "ciao_runner")),
    )
    program.says("reaped")
    assert program.end().code == 0


def _runs(pid: int) -> bool:
    """Neither gone nor a zombie, which is somebody else's."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
