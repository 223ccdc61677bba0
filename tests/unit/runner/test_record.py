"""How a cell failed, as data, whatever its exception does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest

from ciao.runner import MAX_RECORD
from ciao.runner.record import cell_frames, error_line, exit_status, reduced

Run = Callable[..., Any]


def told(error: BaseException) -> dict[str, Any]:
    line = error_line(error, at=1.5, cell=__file__)
    assert len(line) < MAX_RECORD
    assert line.isascii()
    assert "\n" not in line
    record: dict[str, Any] = json.loads(line)
    assert (record["v"], record["type"], record["time"]) == (1, "error", 1.5)
    error_: dict[str, Any] = record["error"]
    return error_


def call(function: Any, *args: object) -> Any:
    return function(*args)


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301  # to have a traceback
    except BaseException as e:  # noqa: BLE001  # that is what a cell may raise
        return e


CELL = """\
import json

def decode(text):
    # a comment
    return json.loads(text)

def f(text):
    try:
        return decode(text)
    except ValueError as e:
        raise KeyError("né") from e

f("[1,")
"""


def test_a_record_tells_frames_with_whole_functions_and_the_cause(run: Run, tmp_path: Path) -> None:
    ended = run(CELL)
    error = ended.error
    cell = str(tmp_path / "cell_7.py")
    assert [(f["file"], f["line"], f["name"], f["first"], f["cell"]) for f in error["frames"]] == [
        (cell, 13, "<module>", error["frames"][0]["first"], True),
        (cell, 11, "f", 7, True),
    ]
    assert (error["ename"], error["evalue"], error["module"], error["notes"]) == ("KeyError", "'né'", "builtins", [])
    assert [f["source"] for f in error["frames"]] == [[], CELL.splitlines()[6:11]]
    assert error["frames"][1]["text"] == 'raise KeyError("né") from e'
    cause = error["cause"]
    assert (cause["ename"], error["by_from"]) == ("JSONDecodeError", True)
    assert cell_frames(cause) == cause["frames"][:2]
    library = cause["frames"][-1]
    assert library["source"][0].lstrip().startswith("def ")
    assert library["text"] in library["source"][library["line"] - library["first"]]


def test_the_time_is_that_of_the_catch_and_after_the_start(run: Run) -> None:
    started, error, _ = run("import time\nt = time.time()\nclass E(Exception): pass\nraise E(t)\n").records
    assert started["time"] <= float(error["error"]["evalue"]) <= error["time"]


def test_a_group_tells_its_first_members() -> None:
    group = ExceptionGroup("many", [raised(ValueError(i)) for i in range(20)])  # type: ignore[type-var]
    members = told(group)["exceptions"]
    assert [m["evalue"] for m in members] == [str(i) for i in range(8)]
    assert members[0]["frames"][0]["name"] == "raised"


def test_a_syntax_error_tells_the_line_that_no_frame_has() -> None:
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\nx y\n", "module.py", "exec")
    place = {"file": "module.py", "line": 2, "offset": 3, "text": "x y\n", "cell": False}
    assert told(caught.value)["syntax"] == place


def test_a_deep_recursion_keeps_both_ends() -> None:
    def f(n: int) -> None:
        f(n - 1) if n else int("x")

    with pytest.raises(ValueError, match="int") as caught:
        f(500)
    frames = told(caught.value)["frames"]
    assert (len(frames), frames[50]["skipped"], frames[50]["file"]) == (101, 402, "")
    assert (frames[0]["text"][:5], frames[-1]["text"]) == ("f(500", 'f(n - 1) if n else int("x")')
    assert frames[50]["cycle"] == 1


def test_of_fewer_frames_the_mark_counts_all_that_are_missing() -> None:
    def f(n: int) -> None:
        f(n - 1) if n else int("x")

    with pytest.raises(ValueError, match="int") as caught:
        f(500)
    frames = reduced(told(caught.value), frames=40)["frames"]
    assert (len(frames), frames[10]["skipped"], frames[10]["cycle"]) == (41, 402 + 60, 0)


@pytest.mark.parametrize("deep", [200, 201, 202, 203])
def test_of_functions_that_call_each_other_whole_turns_are_left_out(deep: int) -> None:
    def f(n: int) -> None:
        g(n - 1)

    def g(n: int) -> None:
        h(n - 1)

    def h(n: int) -> None:
        f(n - 1) if n > 0 else int("x")

    with pytest.raises(ValueError, match="int") as caught:
        f(deep)
    frames = told(caught.value)["frames"]
    at = next(i for i, frame in enumerate(frames) if "skipped" in frame)
    assert (frames[at]["skipped"] % 3, frames[at]["cycle"]) == (0, 3)
    assert frames[at - 3 : at] == frames[at + 1 : at + 4]
    assert frames[at]["skipped"] + len(frames) - 1 == len(list(walk_tb(caught.value.__traceback__)))


def test_where_a_recursion_ends_in_the_middle_its_frames_are_not_counted_as_turns() -> None:
    names: dict[str, Any] = {}
    lines = "\n".join(f"def f{n}(k): (f{n}(k - 1) if k else f{n + 1}(60))" for n in range(3))
    exec(lines, names)
    with pytest.raises(NameError) as caught:
        names["f0"](60)
    frames = told(caught.value)["frames"]
    assert (frames[50]["cycle"], frames[50]["skipped"]) == (0, 84)


@pytest.mark.parametrize("text", ["x" * 1_000_000, "🎉" * 1_000_000, "line\n" * 10_000, "\x00\ud800" * 100_000])
def test_a_long_message_is_cut_with_a_mark(text: str) -> None:
    value = told(ValueError(text))["evalue"]
    assert len(value.encode()) < 65 * 1024 * 4
    assert value.endswith("more characters]") or value == text


def test_a_record_of_too_much_source_drops_source_before_frames(tmp_path: Path) -> None:
    module = tmp_path / "long.py"
    body = "".join(f"    x{i} = '{'y' * 100}'\n" for i in range(290))
    module.write_text("".join(f"def f{n}():\n{body}    f{n + 1}()\n" for n in range(30)))
    names: dict[str, Any] = {}
    exec(compile(module.read_text(), str(module), "exec"), names)
    with pytest.raises(NameError) as caught:
        names["f0"]()
    frames = told(caught.value)["frames"]
    assert [f["name"] for f in frames[1:]] == [f"f{n}" for n in range(30)]
    assert {len(f["source"]) for f in frames} == {0}


def test_a_recursion_through_a_long_function_gives_its_source_once(tmp_path: Path) -> None:
    module = tmp_path / "long.py"
    body = "".join(f"    x{i} = '{'y' * 100}'\n" for i in range(290))
    module.write_text(f"def f(n):\n{body}    f(n - 1) if n else [][0]\n")
    names: dict[str, Any] = {}
    exec(compile(module.read_text(), str(module), "exec"), names)
    with pytest.raises(IndexError) as caught:
        call(names["f"], 40)
    assert [len(f["source"]) for f in told(caught.value)["frames"][2:]] == [292, *[0] * 40]


def test_frames_without_a_file_have_no_source() -> None:
    for file in ("<string>", "/dev/zero", "/nowhere/x.py", ""):
        with pytest.raises(ZeroDivisionError) as caught:
            exec(compile("\n\n1/0", file, "exec"))
        frame = told(caught.value)["frames"][-1]
        assert (frame["file"], frame["line"], frame["source"], frame["text"]) == (file, 3, [], "")


def test_lambdas_and_comprehensions_are_told() -> None:
    f: Callable[[list[int]], list[float]] = lambda x: [1 / y for y in x]  # noqa: E731  # the point
    with pytest.raises(ZeroDivisionError) as caught:
        f([0])
    frame = told(caught.value)["frames"][1]
    assert (frame["name"], frame["source"]) == (
        "<lambda>",
        ["    f: Callable[[list[int]], list[float]] = lambda x: [1 / y for y in x]  # noqa: E731  # the point"],
    )


def test_a_cycle_of_causes_ends() -> None:
    a, b = ValueError("a"), ValueError("b")
    a.__cause__, b.__cause__ = b, a
    assert told(a)["cause"]["evalue"] == "b"
    assert told(a)["cause"]["cause"] is None


def test_of_a_long_chain_of_causes_the_first_is_kept() -> None:
    error: BaseException = KeyError("root")
    for number in range(100):
        following = ValueError(number)
        following.__cause__, error = error, following
    one: dict[str, Any] | None = told(error)
    values, notes = [], []
    while one is not None:
        values.append(one["evalue"])
        notes += one["notes"]
        one = one["cause"]
    assert values == ["99", "98", "97", "96", "95", "1", "0", "'root'"]
    assert notes == ["(93 exceptions that led to this one are left out)"]


def test_an_endless_chain_of_contexts_is_cut() -> None:
    error = last = ValueError(0)
    for i in range(2000):
        last.__context__ = ValueError(i)
        last = last.__context__
    line = json.dumps(told(error))
    assert 10 < line.count('"ename"') < 30


EVIL = {
    "everything raises": "class E(Exception):\n"
    "    def __str__(self): raise KeyboardInterrupt\n"
    "    __repr__ = __str__\n"
    "    __cause__ = __context__ = __notes__ = __suppress_context__ = exceptions = property(__str__)\n",
    "attributes of wrong types": "class E(Exception):\n"
    "    __cause__ = 5\n    __context__ = 'x'\n    __notes__ = 7\n    exceptions = [1, 'x', None]\n",
    "a metaclass with opinions": "class M(type):\n"
    "    __name__ = __module__ = property(lambda c: 1 / 0)\n"
    "class E(Exception, metaclass=M): pass\n",
    "not a str": "class S(str):\n    def __getitem__(self, i): raise SystemExit(9)\n"
    "    __len__ = encode = __getitem__\n"
    "class E(Exception):\n    def __str__(self): return S('x')\n",
    "sys emptied": "class E(Exception): pass\nimport sys\nsys.argv[:] = []\nsys.path[:] = []\n",
    "json replaced": "class E(Exception): pass\nimport sys\nsys.modules['json'] = sys.modules['inspect'] = None\n",
    "a str that recurses": "class E(Exception):\n    def __str__(self): return str(self)\n",
}


@pytest.mark.parametrize("name", EVIL)
def test_an_evil_exception_is_recorded_by_name_and_shown(run: Run, name: str) -> None:
    ended = run(EVIL[name] + "def f():\n    raise E('x')\nf()\n")
    assert (ended.code, ended.error["ename"]) == (1, "E")
    assert [f["name"] for f in ended.error["frames"]] == ["<module>", "f"]
    assert "in f" in ended.err


def test_a_name_need_not_be_a_word(run: Run) -> None:
    ended = run("raise type('a \"b\\n\\U0001f389', (Exception,), {})('x')")
    assert ended.error["ename"] == 'a "b\n🎉'


def test_out_of_memory_is_recorded(run: Run) -> None:
    """Three pieces fit, and leave some room: an interpreter without a byte to spare may abort, whoever runs it."""
    ended = run(
        "import resource\n"
        "room = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (200 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (room, room)); kept = []\n"
        "while True: kept.append(bytearray(64 << 20))\n"
    )
    assert (ended.code, ended.error["ename"]) == (1, "MemoryError")
    assert [(f["line"], f["name"], f["cell"]) for f in ended.error["frames"]] == [(4, "<module>", True)]


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (3, 3), (-1, 255), (2**80, 255), ("", 1), (1.0, 1)])
def test_an_exit_status_is_pythons(code: object, status: int) -> None:
    assert exit_status(code) == status


def test_a_short_record_has_frames_of_both_ends() -> None:
    frame = {"file": "c.py", "name": "f", "first": 1, "source": [], "text": "", "cell": True}
    error: dict[str, Any] = {"ename": "E", "module": "", "evalue": "", "notes": [], "cause": None, "exceptions": []}
    error["frames"] = [dict(frame, line=n) for n in range(100)]
    kept = [f["line"] for f in reduced(error, frames=10)["frames"]]
    assert kept == [0, 1, 92, 93, 94, 95, 96, 97, 98, 99]
    assert reduced(error, frames=0)["frames"] == []
