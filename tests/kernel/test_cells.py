"""Job cells and ordinary cells, in a real kernel, on the local backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.kernel import Kernel, Ran

HEAD = "%framework=pytorch\n"


def lines(ran: Ran) -> set[str]:
    """What replicas printed, without their names."""
    return {line.partition("\x1b[0m")[2] for line in ran.stdout.splitlines()}


def shipped(jobs: Path, number: int) -> bytes:
    """The cell's file, as the replicas of its job have it."""
    (file,) = jobs.glob(f"*/code/cell_{number}.py")
    return file.read_bytes()


def test_a_job_cell_shows_every_replicas_lines_and_how_it_ended(kernel: Kernel) -> None:
    ran = kernel.run("%framework=pytorch\n%worker=2\nimport os\nprint('rank', os.environ['RANK'])")
    assert ran.reply["status"] == "ok"
    assert {"rank 0", "rank 1"} <= lines(ran)
    assert ran.status.startswith("succeeded")


def test_the_first_line_names_the_job_and_where_it_runs(kernel: Kernel) -> None:
    first = kernel.run(f"{HEAD}pass").stdout.splitlines()[0]
    assert first.startswith("job pytorch-")
    assert " on local" in first


@pytest.mark.parametrize("head", ["%kubeflow framework=pytorch worker=1", "%%kubeflow framework=pytorch worker=1"])
def test_three_spellings_have_one_meaning(kernel: Kernel, head: str) -> None:
    assert "worker" in lines(kernel.run(f"{head}\nimport os; print('worker')"))


def test_an_ordinary_cell_is_ordinary_python(kernel: Kernel) -> None:
    assert kernel.run("x = 7 % 4\nx").results == ["3"]


def test_an_ordinary_cell_may_await_use_magics_and_the_shell(kernel: Kernel) -> None:
    assert kernel.run("import asyncio\nawait asyncio.sleep(0, 5)").results == ["5"]
    assert "framework" in kernel.run("%time print('%framework=pytorch')").stdout
    assert kernel.run("!echo shell").stdout.strip() == "shell"


def test_an_ordinary_cell_may_be_timed_and_kept(kernel: Kernel) -> None:
    assert "Wall time" in kernel.run("%%time\nx = 1").stdout
    kernel.run("%%capture said\nprint('kept')")
    assert kernel.run("said.stdout").results == [repr("kept\n")]


def test_a_magic_that_the_notebook_names_as_an_option_stays_the_notebooks(kernel: Kernel) -> None:
    kernel.run("get_ipython().register_magic_function(lambda line: line.upper(), 'line', 'name')")
    assert kernel.run("%name x").results == ["'X'"]
    kernel.run("del get_ipython().magics_manager.magics['line']['name']")


@pytest.mark.parametrize("asked", ["%worker", "%%kubeflow", "%memory"])
def test_a_question_about_an_option_is_answered_in_the_cell(kernel: Kernel, asked: str) -> None:
    ran = kernel.run(f"{asked}?")
    assert f"{asked.lstrip('%')}=" in ran.stdout or "%kubeflow framework=" in ran.stdout
    assert ran.reply["payload"] == []


def test_a_job_cell_leaves_no_value_and_no_name_in_the_notebook(kernel: Kernel) -> None:
    assert kernel.run(f"{HEAD}only_there = 1\nonly_there").results == []
    assert kernel.run("'only_there' in globals()").results == ["False"]


TEXTS = {
    "every kind of quote": """a = "it's" + 'x"y' + '''`$HOME` "q"''' + r'\\n' + '\\''\n""",
    "shell and magic characters inside a string": 's = """\n%time x\n!ls\n>>> 1\n%%bash\nIn [3]: y\n"""\n',
    "leading blank lines": "\n\n\nx = 1\n",
    "no final newline": "x = 1",
    "several final newlines": "x = 1\n\n\n",
    "carriage returns": "x = 1\r\ny = 2\r\n",
    "tabs": "if True:\n\tx = 1\n",
    "escapes and emoji": 's = "\\0 \\x1b \\N{BULLET} 🦊 é \u2028"\n',
    "form feed": "x = 1\n\x0cy = 2\n",
    "indented as a whole": "if 1:\n    x = 1\n    y = 2\n",
    "braces and dollars": "x = 1\nf'{x} {{}} $x {x!r}'\n",
    "ends in a semicolon": "x = 1;",
    "ends in a backslash in a comment": "x = 1  # \\",
    "a megabyte": f"s = '{'x' * 1_000_000}'\n",
}


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS.keys())
def test_the_code_arrives_byte_for_byte(kernel: Kernel, jobs: Path, body: str) -> None:
    ran = kernel.run(f"{HEAD}{body}")
    assert ran.reply["status"] == "ok", ran
    assert shipped(jobs, ran.reply["execution_count"]) == f"\n{body}".encode()


def test_a_silent_execution_is_a_job_too(kernel: Kernel, jobs: Path) -> None:
    before = len(list(jobs.glob("*")))  # there is no such folder before the first job
    assert kernel.run(f"{HEAD}print('quiet')", silent=True).reply["status"] == "ok"
    assert len(list(jobs.glob("*"))) == before + 1


def test_a_name_that_only_the_notebook_knows_is_a_warning(kernel: Kernel) -> None:
    kernel.run("model = 3")
    ran = kernel.run(f"{HEAD}try:\n    model\nexcept NameError:\n    print('unknown there')")
    assert "line 3: model is defined in the notebook, not in this cell" in ran.stdout
    assert "unknown there" in lines(ran)


def test_history_has_the_cell_as_it_was_typed(kernel: Kernel) -> None:
    kernel.run(f"{HEAD}marker = 1")
    assert kernel.run("In[-2]").results == [repr(f"{HEAD}marker = 1")] or "marker" in kernel.run("In[-3]").results[0]


def test_a_command_answers_anywhere_in_a_cell(kernel: Kernel) -> None:
    kernel.run(f"{HEAD}pass")
    ran = kernel.run("x = 1\n%ciao jobs\nprint('after')")
    assert "succeeded" in ran.displays[""][0]
    assert ran.stdout.endswith("after\n")


def test_a_job_in_the_background_goes_on_under_the_status_of_its_cell(kernel: Kernel, tmp_path: Path) -> None:
    waits = f"import os, time\nwhile not os.path.exists('{tmp_path}/go'):\n    time.sleep(0.02)\nprint('later')"
    request = kernel.client.execute(f"%background=true\n{HEAD}{waits}")
    ran = kernel.wait(request)
    assert "goes on in the background; %ciao logs pytorch-" in ran.stdout
    assert ran.status.startswith("started in the background at ")
    shown, cell = dict(ran.displays), ran.stdout
    assert kernel.run("1 + 1").results == ["2"]  # the prompt is free
    (tmp_path / "go").touch()
    kernel.watch(request, ran, lambda ran: ran.status.startswith("succeeded"))
    assert ran.displays.keys() == shown.keys()
    assert ran.stdout == cell  # its stream stays closed
    assert "later" in kernel.run("%ciao logs").stdout


def test_an_attached_job_is_shown_from_its_first_line_to_its_end(kernel: Kernel) -> None:
    kernel.run(f"%background=true\n{HEAD}import time\nprint('first')\ntime.sleep(1)\nprint('last')")
    ran = kernel.run("# the only statement\n%ciao attach\n")
    assert {"first", "last"} <= lines(ran)
    assert ran.status.startswith("succeeded")


def test_one_replicas_log_can_be_followed(kernel: Kernel) -> None:
    code = "import os, time\nprint('rank', os.environ['RANK'])\ntime.sleep(1)"
    kernel.run(f"%background=true\n{HEAD}%worker=2\n{code}")
    assert {"rank 1"} == {line for line in lines(kernel.run("%ciao logs worker-1 --follow")) if "rank" in line}


def test_following_beside_other_statements_is_an_error(kernel: Kernel) -> None:
    name, value, _ = kernel.run("x = 1\n%ciao attach").error
    assert name == "CommandError"
    assert "must stand alone in its cell" in value
