"""Which cells are ours, and what IPython makes of them."""

# mypy: disable-error-code="no-untyped-call"
# (IPython's TransformerManager has no types)

from __future__ import annotations

import ast
import sys

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from ciao.frontends.notebook.transform import Completeness, Misplaced, Submission, follows, is_ours

JOB = "%framework=pytorch\n"


@pytest.fixture
def manager() -> TransformerManager:
    made = TransformerManager()
    made.cleanup_transforms[:0] = [Submission(), Completeness()]
    return made


def body(transformed: str) -> str:
    """The cell that is handed to the magic."""
    (statement,) = ast.parse(transformed).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Await)
    call = statement.value.value
    assert isinstance(call, ast.Call)
    return str(ast.literal_eval(call.args[2]))


@pytest.mark.parametrize(
    "text",
    [
        f"{JOB}x = 1\n",
        f"\n\n# first\n{JOB}>>> x = 1\n",
        f"\ufeff{JOB}x = '''\n%%bash\n!ls\n'''\n",
        f"    {JOB}    x = 1\n",
        f"{JOB}x = '\\0 \u2028 🦊 \\N{{BULLET}}'\r\n",
        "%%kubeflow framework=jax\nIn [1]: x?\n",
        f"{JOB}\udc80\n",
        "%framework jax\nx = 1\n",
        "%%time\n%framework=jax\nx = 1\n",
    ],
)
def test_a_job_cell_becomes_one_awaited_statement_that_holds_it_unchanged(
    manager: TransformerManager, text: str
) -> None:
    transformed = manager.transform_cell(text)
    assert transformed.count("\n") == 1
    assert body(transformed) == text


@pytest.mark.parametrize(
    "text", ["x = 1\n", "x = 7 % 3\n", "%time x\n", "%%bash\nls\n", "'''\n%framework=pytorch\n'''\n", "!ls\n", "\n", ""]
)
def test_other_cells_are_what_ipython_makes_of_them(manager: TransformerManager, text: str) -> None:
    assert manager.transform_cell(text) == TransformerManager().transform_cell(text)
    assert manager.check_complete(text) == TransformerManager().check_complete(text)


def test_a_cell_without_a_percent_sign_at_a_line_start_imports_nothing_of_the_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ciao.interpreter", None)
    assert not is_ours("x = 7 % 3\nprint('%framework=pytorch')")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("%framework=pytorch", "incomplete"),
        (f"{JOB}%worker=2\n\n", "incomplete"),
        (f"{JOB}x = 1", "incomplete"),
        (f"{JOB}x = 1\n\n", "complete"),
        (f"{JOB}for i in x:\n\n", "incomplete"),
        (f"{JOB}x = (\n\n", "incomplete"),
        (f"{JOB}x = = 1\n\n", "invalid"),
        ("%ciao attach pytorch-x2v9q", "complete"),
    ],
)
def test_a_job_cell_is_complete_when_an_empty_line_ends_its_code(
    manager: TransformerManager, text: str, answer: str
) -> None:
    assert manager.check_complete(text)[0] == answer


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%ciao attach", "attach"),
        ("\n# so\n%ciao logs x worker-0 -f\n", "logs x worker-0 -f"),
        ("%ciao logs x", ""),
        ("%ciao attach x\nprint()", ""),
        ("%ciao attach 'x", ""),
        ("%ciao", ""),
    ],
)
def test_a_command_that_follows_a_job_is_awaited_if_it_stands_alone(text: str, line: str) -> None:
    assert follows(text) == line


def test_an_option_below_code_is_led_to_the_magic_that_says_so(manager: TransformerManager) -> None:
    lines = manager.transform_cell("x = 1\n%worker=2\n%other=2\n").splitlines(keepends=True)
    _, ours, other = Misplaced()(lines)
    assert ours == "get_ipython().run_line_magic('kubeflow', '%worker=2')\n"
    assert other == "get_ipython().run_line_magic('other=2', '')\n"


@pytest.mark.parametrize("text", ["%name x\nx = 1\n", "%name?\n", "%name\n"])
def test_a_magic_of_the_notebook_that_is_named_as_an_option_is_the_notebooks(text: str) -> None:
    taken, plain = TransformerManager(), TransformerManager()
    taken.cleanup_transforms.insert(0, Submission({"name"}.__contains__))
    transformed = taken.transform_cell(text)
    assert transformed == plain.transform_cell(text)
    lines = transformed.splitlines(keepends=True)
    assert Misplaced({"name"}.__contains__)(lines) == lines


@pytest.mark.parametrize("asked", ["%worker", "%%kubeflow", "%kubeflow", "%memory"])
def test_a_question_about_an_option_is_led_to_its_help(manager: TransformerManager, asked: str) -> None:
    lines = manager.transform_cell(f"{asked}?\n").splitlines(keepends=True)
    assert Misplaced()(lines) == [f"get_ipython().run_line_magic('kubeflow', '{asked.lstrip('%')}?')\n"]


@pytest.mark.parametrize("asked", ["%timeit?\n", "worker?\n", "%env?\n", "%%bash?\n"])
def test_any_other_question_is_ipythons(manager: TransformerManager, asked: str) -> None:
    lines = manager.transform_cell(asked).splitlines(keepends=True)
    assert Misplaced()(lines) == lines
