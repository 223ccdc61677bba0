"""What a cell includes is in every replica where the notebook has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kernel import Kernel, Ran

HEAD = "%framework=pytorch\n%worker=2\n"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook's folder with data, a module beside it and a package elsewhere."""
    folder = tmp_path / "notes"
    (folder / "conf").mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n")
    (folder / "conf" / "x.yaml").write_text("lr: 0.1\n")
    (folder / "helper.py").write_text("NAME = 'helper'\n")
    (tmp_path / "lib" / "mylib").mkdir(parents=True)
    (tmp_path / "lib" / "mylib" / "__init__.py").write_text("from mylib.inner import NAME\n")
    (tmp_path / "lib" / "mylib" / "inner.py").write_text("NAME = 'mylib'\n")
    return folder / "n.ipynb"


@pytest.fixture
def kernel(launch: Callable[..., Kernel], notebook: Path) -> Kernel:
    return launch(JPY_SESSION_NAME=str(notebook))


def lines(ran: Ran) -> set[str]:
    return {line.partition("\x1b[0m")[2] for line in ran.stdout.splitlines()}


CODE = """
import os, helper, mylib
print(os.environ['RANK'], open('data.csv').read().strip(), open('conf/x.yaml').read().strip(), helper.NAME, mylib.NAME)
"""


def test_files_open_and_modules_import_in_both_replicas_as_in_the_notebook(kernel: Kernel, notebook: Path) -> None:
    kernel.run(f"import sys; sys.path.append({str(notebook.parents[1] / 'lib')!r})")
    ran = kernel.run(f"{HEAD}%include=data.csv conf/ helper.py mylib\n{CODE}")
    assert ran.reply["status"] == "ok", ran
    assert {"0 a,b lr: 0.1 helper mylib", "1 a,b lr: 0.1 helper mylib"} <= lines(ran)
    assert "files of the job" not in ran.stdout
    assert "'mylib'" not in kernel.run("sys.modules.get('mylib')").results


def test_a_word_that_means_nothing_is_an_error_with_the_nearest_name_and_no_job(kernel: Kernel, home: Path) -> None:
    name, value, _ = kernel.run(f"{HEAD}%include=dta.csv\npass").error
    assert name == "FileMissing"
    assert "Did you mean data.csv?" in value
    assert not list((home / "jobs").glob("pytorch-*"))


def test_a_module_that_was_not_included_is_named_with_the_way_to(kernel: Kernel) -> None:
    ran = kernel.run(f"{HEAD}import helper")
    assert "%include=helper.py" in ran.stdout + "".join(map(str, ran.errors))
