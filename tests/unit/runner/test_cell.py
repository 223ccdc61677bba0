"""A cell runs as Python would run a script."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Start = Callable[..., Any]


def test_a_cell_is_main(run: Run, tmp_path: Path) -> None:
    ended = run(
        "import sys\n"
        "me = sys.modules['__main__']\n"
        "print(__name__, __file__, sys.argv, sys.path[0], __spec__, __annotations__)\n"
        "print(me.__dict__ is globals(), __builtins__.__name__, sys.stdin.read() == '')\n"
        "def f(x: int): pass\n"
        "print(f.__annotations__)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('record', 'cell', 'telling', 'init', 'pump')])\n"
    )
    cell = str(tmp_path / "cell_7.py")
    assert ended.out.decode().splitlines() == [
        f"__main__ {cell} {[cell]} {tmp_path} None {{}}",
        "True builtins True",
        "{'x': <class 'int'>}",
        "[]",
    ]
    assert (ended.code, ended.err, [r["type"] for r in ended.records]) == (0, "", ["started", "done"])


def test_files_beside_the_cell_can_be_imported_even_if_named_as_the_standard_librarys(run: Run, tmp_path: Path) -> None:
    for name in ("json", "linecache_", "inspect", "record"):
        (tmp_path / f"{name}.py").write_text("X = 'mine'\n")
    ended = run("import record\nprint(record.X)\ndef f():\n    1 / 0\nf()\n")
    assert ended.out == b"mine\n"
    assert ended.error["frames"][1]["source"] == ["def f():", "    1 / 0"]


@pytest.mark.parametrize("way", ["ciao_runner", "ciao_runner/__main__.py"])
def test_the_folder_and_its_main_file_can_both_be_started(run: Run, python: str, code_folder: Path, way: str) -> None:
    ended = run("import sys; print('ciao_runner' in sys.path[0])", argv=(python, str(code_folder / way)))
    assert (ended.code, ended.out) == (0, b"False\n")


def test_it_runs_from_the_source_tree(tmp_path: Path) -> None:
    cell = tmp_path / "cell_1.py"
    cell.write_text("import sys; print(sys.path[0])")
    done = subprocess.run([sys.executable, "-m", "ciao.runner", "cell", str(cell)], capture_output=True, check=True)
    frame, printed = done.stdout.decode().rstrip("\n").split("\n")
    assert (frame.split(" ")[0], printed) == ("\x1eciao/1", str(tmp_path))


def test_without_a_descriptor_records_are_framed_lines_of_the_output(run: Run) -> None:
    ended = run("print('hello')\n1 / 0\n", CIAO_RECORD_FD="")
    first, hello, error, shown = ended.out.decode().rstrip("\n").split("\n")
    assert first.startswith('\x1eciao/1 {"v":1,"type":"started"')
    assert hello == "hello"
    assert json.loads(error.partition(" ")[2])["error"]["ename"] == "ZeroDivisionError"
    assert json.loads(shown.partition(" ")[2])["type"] == "shown"


def test_children_neither_see_the_variable_nor_get_the_descriptor(run: Run) -> None:
    ended = run(
        "import os, subprocess, sys\n"
        "print('CIAO_RECORD_FD' in os.environ, os.environ['PYTHONUNBUFFERED'])\n"
        "sys.stdout.flush()\n"
        "fds = os.listdir('/proc/self/fd')\n"
        "subprocess.run([sys.executable, '-c', 'import os\\nfor fd in range(3, 64):\\n try: os.fstat(fd); print(fd)\\n"
        " except OSError: pass'], close_fds=False)\n"
    )
    assert ended.out == b"False 1\n"


BYTES = (
    b"\xef\xbb\xbf# coding: latin-1\r\n"
    b"x = '''$ ` \" \\' \\\\ % ! >>>\r\n>>> %worker=2\r\n\t\xf0\x9f\x8e\x89\xc3\xa9'''\r\n"
    b"if 1:\r\n\ty = 'a\\0b'\r\n\r\n"
    b"import sys\n"
    b"sys.stdout.buffer.write(open(__file__, 'rb').read())\n"
    b"assert len(x) == 35 and '\xc3\xa9' in x and y == 'a' + chr(0) + 'b', len(x)"
)


def test_the_cell_is_run_and_kept_byte_for_byte(run: Run) -> None:
    ended = run(BYTES)
    assert (ended.code, ended.out, ended.err) == (0, BYTES, "")


def test_a_cell_of_a_megabyte_runs(run: Run) -> None:
    ended = run("x = [\n" + "    'é 0123456789 0123456789 0123456789',\n" * 25_000 + "]\nprint(len(x))\n1 / 0\n")
    assert (ended.out, ended.error["frames"][0]["line"]) == (b"25000\n", 25_004)


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}])
def test_anything_can_be_printed_and_a_line_is_there_at_once(run: Run, env: dict[str, str]) -> None:
    ended = run("import os\nprint('é', '\\ud800', '☃')\nprint('no end', end='')\nos._exit(7)\n", **env)
    assert (ended.code, ended.out) == (7, "é \\ud800 ☃\n".encode())


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_line_is_written_at_once_so_that_processes_do_not_mix_theirs(run: Run, env: dict[str, str]) -> None:
    ended = run(
        "import sys\n"
        "print(type(sys.stdout.buffer).__name__, sys.stdout.line_buffering, sys.stdout.write_through)\n"
        "print(sys.stdout is sys.__stdout__, sys.stderr.line_buffering, sys.stderr.encoding)\n",
        **env,
    )
    assert ended.out == b"BufferedWriter True False\nTrue True utf-8\n"


@pytest.mark.parametrize(
    ("code", "status", "record", "err"),
    [
        ("import sys; sys.exit()", 0, None, ""),
        ("raise SystemExit(0)", 0, None, ""),
        ("raise SystemExit(False)", 0, None, ""),
        ("raise SystemExit(256)", 0, None, ""),
        ("import sys; sys.exit(3)", 3, {"code": 3}, ""),
        ("import sys; sys.exit(True)", 1, {"code": 1}, ""),
        ("import sys; sys.exit(-1)", 255, {"code": 255}, ""),
        ("import sys; sys.exit('no dàta')", 1, {"code": 1, "message": "no dàta"}, "no dàta\n"),
        ("import sys; sys.exit([1])", 1, {"code": 1, "message": "[1]"}, "[1]\n"),
    ],
)
def test_sys_exit_means_what_it_means_in_python(
    run: Run, code: str, status: int, record: dict[str, Any] | None, err: str
) -> None:
    ended = run(code)
    exits = [{k: r[k] for k in r if k in ("code", "message")} for r in ended.records if r["type"] == "exit"]
    assert (ended.code, ended.err, exits) == (status, err, [record] if record else [])


def test_os_exit_leaves_no_record(run: Run) -> None:
    ended = run("import os; os._exit(5)")
    assert (ended.code, [r["type"] for r in ended.records]) == (5, ["started"])


ERRORS = {
    "chain": "def f():\n  try: 1 / 0\n  except Exception as e: raise ValueError('x') from e\n"
    "try: f()\nfinally: [][0]\n",
    "context off": "try: 1 / 0\nexcept Exception: raise ValueError('x') from None\n",
    "syntax": "x = 1\nx y = 2\n",
    "syntax of a module": "import broken\n",
    "notes": "e = ValueError('x')\ne.__notes__ = ['one', 'two\\nlines']\nraise e\n",
    "recursion": "def f(): f()\nf()\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "unprintable": "class E(Exception):\n  def __str__(self): raise SystemExit(9)\nraise E()\n",
    "cycle": "a, b = ValueError('a'), ValueError('b')\na.__cause__ = b; b.__cause__ = a\nraise a\n",
    "hook": "import sys\nsys.excepthook = lambda t, v, tb: print('mine:', v, tb.tb_lineno)\nraise ValueError(1)\n",
    "bad hook": "import sys\ndef hook(*a): raise KeyError('hook')\nsys.excepthook = hook\nraise ValueError(1)\n",
    "bad bytes": "x = 1\nx.y.z\n",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\nt.start(); t.join()\n",
    "exit hooks": "import atexit\natexit.register(print, 'bye')\n1 / 0\n",
}
GROUP = "raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError('k')])])\n"


@pytest.mark.parametrize("name", [*ERRORS, "group"])
def test_an_error_looks_exactly_as_python_shows_it(run: Run, python: str, tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    ended = run(ERRORS.get(name, GROUP))
    bare = subprocess.run([python, str(tmp_path / "cell_7.py")], capture_output=True, text=True, check=False)
    times = re.compile(r"repeated \d+ more")  # the runner's own frames count against the limit of recursion
    assert times.sub("", ended.err) == times.sub("", bare.stderr)
    assert ended.out.decode() == bare.stdout
    assert ended.code == (130 if name == "interrupt" else bare.returncode)


@pytest.mark.parametrize("name", [*(name for name in ERRORS if name not in ("hook", "bad hook", "thread")), "group"])
def test_what_python_showed_of_the_error_is_recorded_by_length_and_checksum(
    run: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    ended = run(ERRORS.get(name, GROUP))
    assert [r["type"] for r in ended.records if r["type"] != "started"] == ["error", "shown"]
    assert ended.records[-1]["lines"] == ended.err.count("\n") > 0
    assert ended.records[-1]["crc"] == crc32(ended.err.encode())
    told, shown = ({n: r[n] for n in ("ename", "evalue")} for r in (ended.records[-2]["error"], ended.records[-1]))
    assert told == shown


def test_a_traceback_of_thousands_of_lines_is_recorded_too(run: Run) -> None:
    ended = run("def f(): g()\ndef g():\n  " + "x = 1;" * 15 + " f()\nf()\n")
    assert len(ended.err) > 100_000
    assert ended.records[-1]["crc"] == crc32(ended.err.encode())


UNKNOWN = {
    "a hook of the user's": ERRORS["hook"],
    "a hook that fails": ERRORS["bad hook"],
    "no standard error": "import sys\nsys.stderr = None\n1 / 0\n",
    "a closed one": "import sys\nsys.stderr.close()\n1 / 0\n",
    "a long text": "raise ValueError('x' * 600_000)\n",
    "lines that a log breaks": "raise ValueError('10%\\r20%')\n",
    "a child of the cell's": "import os\nif os.fork() == 0: 1 / 0\nos.wait()\nos._exit(0)\n",
    "an exit": "raise SystemExit('no data')\n",
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_nothing_is_recorded_of_what_a_log_may_not_have_as_it_was_written(run: Run, what: str) -> None:
    assert "shown" not in [r["type"] for r in run(UNKNOWN[what]).records]


def test_a_standard_error_of_the_users_gets_the_traceback_as_always(run: Run) -> None:
    ended = run(
        "import sys\nclass Upper:\n  def write(self, text): sys.__stderr__.write(text.upper())\n"
        "  def flush(self): pass\nsys.stderr = Upper()\n1 / 0\n"
    )
    assert ended.err.endswith("ZERODIVISIONERROR: DIVISION BY ZERO\n")


def test_a_standard_error_that_fails_does_not_hide_the_error(run: Run) -> None:
    ended = run(
        "import sys\nclass Bad:\n  def write(self, text): 1 / 0\n  def flush(self): pass\nsys.stderr = Bad()\n[][0]\n"
    )
    assert (ended.code, ended.error["ename"]) == (1, "IndexError")


def test_an_exception_in_a_thread_is_no_failure(run: Run) -> None:
    ended = run(ERRORS["thread"])
    assert (ended.code, [r["type"] for r in ended.records]) == (0, ["started", "done"])


def test_only_the_cells_own_process_makes_records(run: Run) -> None:
    ended = run("import os\nif os.fork() == 0:\n    raise KeyError('child')\nos.wait()\nraise ValueError('parent')\n")
    assert ended.error["ename"] == "ValueError"
    assert "KeyError: 'child'" in ended.err


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_multiprocessing_find_the_functions_of_the_cell(run: Run, method: str) -> None:
    ended = run(
        "import multiprocessing as mp, pickle\n"
        "def square(x): return x * x\n"
        "if __name__ == '__main__':\n"
        "    assert pickle.loads(pickle.dumps(square)) is square\n"
        f"    with mp.get_context('{method}').Pool(2) as pool:\n"
        "        print(pool.map(square, range(4)))\n"
        "    pool.join()\n"
    )
    assert (ended.code, ended.out, ended.err) == (0, b"[0, 1, 4, 9]\n", "")


def test_a_segmentation_fault_shows_where(run: Run) -> None:
    ended = run("import ctypes\ndef crash():\n    ctypes.string_at(0)\ncrash()\n")
    assert ended.code == -signal.SIGSEGV
    assert "cell_7.py" in ended.err
    assert "line 3 in crash" in ended.err


def test_sigusr1_shows_every_threads_stack_and_the_cell_goes_on(start: Start) -> None:
    program = start(
        "import threading, sys\n"
        "go = threading.Event()\n"
        "def wait_here(): print('ready'); go.wait()\n"
        "threading.Thread(target=wait_here, daemon=True).start()\n"
        "import time\n"
        "import os\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
    )
    program.says("ready")
    program.signal(signal.SIGUSR1)
    program.says("in wait_here")
    program.says("in <module>")
    (program.folder / "go").touch()
    assert program.end().code == 0


@pytest.mark.parametrize("block", ["ctypes.CDLL(None).pause()", "ctypes.PyDLL(None).pause()"])
def test_sigterm_ends_a_cell_that_waits_in_c(start: Start, block: str) -> None:
    program = start(f"import ctypes\nprint('ready')\n{block}\n")
    program.says("ready")
    program.signal(signal.SIGTERM)
    assert program.end().code == -signal.SIGTERM


def test_sigterm_ends_the_cell_even_if_whoever_started_it_ignores_it(
    start: Start, python: str, code_folder: Path
) -> None:
    deaf = ("sh", "-c", 'trap "" TERM; exec "$0" "$@"', python, str(code_folder / "ciao_runner"))
    program = start("import signal\nprint('ready')\nsignal.pause()\n", argv=deaf)
    program.says("ready")
    program.signal(signal.SIGTERM)
    assert program.end().code == -signal.SIGTERM


def test_a_start_loads_nothing_that_a_bare_python_does_not(run: Run, python: str, tmp_path: Path) -> None:
    loaded = "import sys; print(' '.join(sorted(sys.modules)))"
    (tmp_path / "bare.py").write_text(loaded)
    bare = subprocess.run([python, str(tmp_path / "bare.py")], capture_output=True, check=True)
    more = set(run(loaded).out.split()) - set(bare.stdout.split())
    ours = {b"ciao_runner", b"ciao_runner.cell", b"ciao_runner.channel"}
    assert more - {b"atexit"} == {b"__future__", b"faulthandler", *ours}  # that one is part of Python itself


MPI = """
import sys, types
class Comm:
    def Get_size(self): return 2
    def Abort(self, code): print("aborted", code, flush=True); import os; os._exit(9)
mpi = types.ModuleType("mpi4py.MPI")
mpi.COMM_WORLD, mpi.Is_initialized, mpi.Is_finalized = Comm(), lambda: True, lambda: False
sys.modules["mpi4py.MPI"] = mpi
"""


@pytest.mark.parametrize("end", ["1 / 0", "sys.exit(3)"])
def test_a_rank_that_fails_ends_all_ranks(run: Run, end: str) -> None:
    ended = run(MPI + end)
    assert (ended.code, ended.out) == (9, b"aborted 1\n")
    assert len(ended.records) >= 2


def test_a_rank_that_succeeds_ends_nobody(run: Run) -> None:
    assert run(MPI + "sys.exit(0)").code == 0
