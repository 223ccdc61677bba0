"""What is the user's own: code that only looks like ours, and code for another Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ciao.errors import CellError
from ciao.model import JobSpec
from ciao.settings import Settings

Read = Callable[..., JobSpec]
Fail = Callable[..., CellError]

HEAD = "%framework=jax\n"


@pytest.mark.parametrize(
    "code",
    [
        "x = '''\n%worker=2\n!ls\n>>> x\nx?\n'''\n",
        "x = (5\n%worker)\n",
        "x = 5 \\\n%worker\n",
        "x = f'''{1}\n%kubeflow\n'''",
        "async def f():\n    await g()\n    async for x in y: pass\n",
        "\ttext = 1\n".lstrip("\t") + "\t\n",
        "x = '\\$`'\r\n\r\ny = 1\r",
        "x = '\\0'",
        "\x0cx = 1\x0c\ny = '\u2028'\n",
        "# coding: utf-8\nx = 1",
        "x = 1\n\n# coding: latin-1",
        "x: int\n\n\n",
        "print('é😀')",
    ],
)
def test_code_that_python_takes_arrives_as_it_is(code: str, spec: Read) -> None:
    assert spec(HEAD + code).code == "\n" + code


def test_a_byte_order_mark_does_not_hinder_the_compiler(spec: Read, error: Fail) -> None:
    assert spec(f"\ufeff{HEAD}x = 1").code == "\ufeff\nx = 1"
    found = error(f"\ufeff{HEAD}x = = 1")
    assert (found.line, found.column) == (2, 5)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_does(end: str, error: Fail) -> None:
    assert error(f"%framework=jax{end}'\x0c\x1c\u2028\x85'{end}x = = 1{end}").line == 3


def test_warnings_of_the_compiler_are_not_shown_twice(spec: Read) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec(HEAD + r"x = '\d' is 1").code


def test_another_python_is_the_judge_of_its_syntax(spec: Read) -> None:
    assert spec("%framework=jax\n%python=/usr/bin/python3.99\nx = = 1").python == "/usr/bin/python3.99"
    assert spec(HEAD + "x = = 1", Settings(home=Path("/nowhere"), python="/usr/bin/python3.99"))


@pytest.mark.parametrize("code", ["x = = 1\n!ls", "await x", "x = 1\n%worker=2"])
def test_no_python_takes_a_notebooks_own_syntax(code: str, error: Fail) -> None:
    assert error(f"%framework=jax\n%python=/usr/bin/python3.99\n{code}").hint


def test_of_two_errors_the_first_is_told(error: Fail) -> None:
    assert error(HEAD + "x = = 1\n!ls").line == 2
    assert error(HEAD + '!ls\nx = """').line == 2


def test_a_syntax_error_at_the_end_lies_within_the_cell(error: Fail) -> None:
    assert error(HEAD + "if x:\n").line <= 2


def test_await_in_a_broken_cell_is_not_blamed(error: Fail) -> None:
    assert "syntax error" in error(HEAD + "class A:\n    return 1\n").message
