"""Which cells are job cells, and what is left of them as code."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.interpreter.magics import WORDS, is_job_cell, split
from ciao.interpreter.options import OPTIONS
from ciao.interpreter.role_options import KINDS_OF_RESOURCES

JOB_CELLS = [
    "%framework=pytorch\n",
    "%worker=2",
    "\n\n# first\n  \t\n%cleanPolicy=all\nx = 1",
    "\ufeff%framework=jax\n",
    "\r\n%framework=jax\r\n",
    "%env.A=b",
    "%worker = 2",
    "  %framework=pytorch",
    "%framwork=pytorch",
    "%wroker=2",
    "%kubeflow framework=pytorch",
    "%kubeflow",
    "%%kubeflow framework=pytorch\nx",
    "%%framework=pytorch",
    "%worker=2;%cpu=1",
    "%framework jax",
    "%framework: jax",
    "%framework",
    "%worker 2",
    "%worker.cpu 2",
    "%nvidia.com/gpu=1",
    "%worker.nvidia.com/gpu = 1",
    "%volume data:/data",
    "%%time\n%framework=pytorch",
    "\n%%capture out\r\n%%timeit -n 1\n\n# a\n%worker=2",
]
OTHERS = [
    "",
    "x = 1",
    "%matplotlib inline",
    "%env FOO=bar",
    "%env",
    "%time x=1",
    "%%time",
    "%%time\nx = 1\n%framework=pytorch",
    "%%writefile a.txt\n%framework=pytorch",
    "%%bash\n%framework=pytorch",
    "%%timeit?",
    "%time framework",
    "%foo = 1",
    "%worker == 2",
    "%ciao jobs",
    "%kubeflows framework=pytorch",
    "%kubeflow?",
    "%framework?",
    "x\n%framework=pytorch",
    "'''\n%framework=pytorch'''",
    "\ufeff\ufeff%framework=pytorch",
    "#%framework=pytorch",
    "!ls",
    "5 %worker=2",
    "%",
    "%%",
    "%=",
]

texts = st.text(
    alphabet=st.sampled_from(list("%=;#'\"\\ \t\n\r\x0c\x0b\x1c\u2028\ufeffaw1.")) | st.characters(codec="utf-8")
)
magic_lines = st.sampled_from(["%framework=pytorch", "%worker=2;%cpu=1", "%kubeflow a=b", " %env.A='x' # two", "%x=1"])
line_ends = st.sampled_from(["\n", "\r\n", "\r"])


@pytest.mark.parametrize("text", JOB_CELLS)
def test_a_cell_that_begins_with_our_magic_is_a_job_cell(text: str) -> None:
    assert is_job_cell(text)


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_cell_is_not(text: str) -> None:
    assert not is_job_cell(text)


def test_a_magic_of_the_same_name_that_ipython_has_is_ipythons() -> None:
    assert not is_job_cell("%name x", taken=lambda name: name == "name")
    assert not is_job_cell("%name", taken=lambda name: name == "name")
    assert is_job_cell("%name=x", taken=lambda name: name == "name")


def test_the_words_that_are_looked_for_without_the_table_are_the_tables() -> None:
    assert {option.name.partition(".")[0] for option in OPTIONS if option not in KINDS_OF_RESOURCES} == WORDS


def test_the_block_ends_at_the_first_line_of_code() -> None:
    block = split("%framework=jax\n# a\n\n%worker=2\nimport jax\n%worker=3\n")
    assert ([magic.number for magic in block.magics], block.begins) == ([1, 4], 5)


def test_magic_lines_become_empty_lines_and_nothing_else_changes() -> None:
    assert split("\n%framework=jax\r\n# a\t\n%worker=2 # two\r\ttext").code == "\n\r\n# a\t\n\r\ttext"


def test_a_magic_line_between_two_kinds_of_line_ends_does_not_join_them() -> None:
    assert split("%framework=jax\r%worker=2\nx").code == "\r \nx"


def test_a_byte_order_mark_stays_with_the_code() -> None:
    assert split("\ufeff%framework=jax\nx").code == "\ufeff\nx"


@given(st.lists(magic_lines | st.sampled_from(["", " ", "# %x"])), line_ends, texts)
def test_the_code_that_comes_out_is_the_code_that_went_in(block: list[str], end: str, rest: str) -> None:
    rest = "x" + rest
    head = "".join(line + end for line in block)
    kept = "".join(("" if line.lstrip().startswith("%") else line) + end for line in block)
    assert split(head + rest).code == kept + rest


@given(texts)
def test_every_line_keeps_its_number(text: str) -> None:
    ends = re.compile(r"\r\n|\r|\n")
    assert ends.findall(split(text).code) == ends.findall(text)


@given(texts)
def test_a_job_cell_has_magics_and_any_other_cell_has_none(text: str) -> None:
    block = split(text)
    assert bool(block.magics) == is_job_cell(text)
    assert block.magics or block.code == text


def test_a_cell_is_classified_without_heavy_imports() -> None:
    program = (
        "import sys; from ciao.interpreter import is_job_cell; is_job_cell('%matplotlib inline'); is_job_cell('x = 1');"
        "print(sorted(m for m in sys.modules if m.startswith('ciao') or m in ('difflib', 'decimal', 'ast')))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    modules = ["ciao", "ciao.errors", "ciao.interpreter", "ciao.interpreter.magics", "ciao.interpreter.source"]
    assert {m for m in eval(out) if m.startswith("ciao")} == set(modules)
    assert "difflib" not in out
    assert "decimal" not in out
