"""Whatever the text: a spec whose code is the cell's, or an error that lies within the cell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciao.errors import CellError
from ciao.interpreter import complete, explain, is_job_cell, read
from ciao.interpreter.source import lines
from ciao.model import Cell
from ciao.settings import Settings

SETTINGS = Settings(home=Path("/nowhere"))
ENDS = re.compile(r"\r\n|\r|\n")

MAGICS = [
    "%framework=jax",
    "%framework=pytorch",
    "%worker=",
    "%kubeflow ",
    "%%kubeflow",
    ";%cpu=",
    "%env.A=",
    "%%time",
    "%worker 2",
    "%framework: ",
    "%x",
    "=",
]
CODE = ["x = 1", "!ls", "await x", "x?", "def f():", "# coding: latin-1", "if x:", "async for", '"""', "(", "[", "}"]
ODD = [*";2 '\t\\#%", "\n", "\r\n", "\r", "\x0c", "\x1c", "\x85", "\u2028", "\ufeff", "\0", "\ud800", "😀"]

pieces = st.sampled_from([*MAGICS, *CODE, *ODD])
texts = st.lists(pieces | st.text(max_size=2), max_size=14).map("".join) | st.text()


def check(text: str) -> None:
    is_job_cell(text)
    try:
        spec = read(Cell(text=text, number=1), settings=SETTINGS)
    except CellError as error:
        check_place(error, lines(text))
        return
    assert spec.replicas
    kept = zip(lines(text), lines(spec.code), strict=True)
    assert all(
        after == before or ENDS.fullmatch(after.removeprefix("\ufeff").removeprefix(" ")) for before, after in kept
    )


def check_place(error: CellError, source: list[str]) -> None:
    line = ENDS.sub("", source[error.line - 1] if source else "")
    assert error.source == line.removeprefix("\ufeff" if error.line == 1 else "")
    assert 1 <= error.column <= len(error.source) + 1
    assert 1 <= error.width <= max(1, len(error.source) - error.column + 1)
    assert error.picture()


@given(texts)
@example("%framework=jax \u2028\n%worker=2\nx")
@example("%framework=jax \xa0")
@example("")
@example("%framework=jax\nif x:\n")
@example("%framework=jax\r\r\n\\")
@example("%framework=jax\n\ufeffx")
def test_any_text_gives_a_spec_or_an_error_within_the_text(text: str) -> None:
    check(text)


@given(st.lists(pieces, max_size=14).map("".join))
def test_below_good_magics_any_code_gives_a_spec_or_an_error(code: str) -> None:
    check(f"%framework=jax\n{code}")


@pytest.mark.parametrize(
    "text",
    [
        "%" + "a" * 1_000_000,
        "%%time\n" * 150_000 + "%ps=1",
        "%kubeflow " + "a " * 500_000,
        "%env.A='" + "a\\" * 500_000,
    ],
)
@pytest.mark.timeout(100)
def test_a_megabyte_does_not_take_time_by_its_square(text: str) -> None:
    check(text)
    complete(text, len(text))
    explain(text, 5)
