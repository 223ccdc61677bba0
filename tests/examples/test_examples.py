"""Every example runs as a reader would run it, and teaches what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

ANSI = re.compile(r"\x1b\[[0-9;]*m")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where Jupyter finds the kernel, installed as ``ciao kernel install`` does it."""
    prefix = tmp_path_factory.mktemp("prefix")
    install = [sys.executable, "-m", "ciao", "kernel", "install", "--prefix", str(prefix)]
    subprocess.run(install, check=True, capture_output=True)
    return str(prefix / "share" / "jupyter")


def execute(name: str, *, kernel: str, out: Path) -> subprocess.CompletedProcess[str]:
    """Run one example as ``make demo`` does."""
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "run_notebook.py"), str(EXAMPLES / f"{name}.ipynb"), str(out)],
        env=os.environ | {"JUPYTER_PATH": kernel, "CIAO_BACKEND": "local"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(path: Path) -> list[str]:
    """What stands below each code cell."""
    book = nbformat.read(path, as_version=4)
    return ["".join(map(_text, cell.outputs)) for cell in book.cells if cell.cell_type == "code"]


def _text(output: nbformat.NotebookNode) -> str:
    match output.output_type:
        case "stream":
            return ANSI.sub("", output.text)
        case "error":
            return ANSI.sub("", "\n".join(output.traceback))
        case _:
            return str(output.data.get("text/plain", ""))


def losses(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"epoch +\d+ +loss ([\d.]+)", text)]


def digests(text: str) -> list[str]:
    return re.findall(r"weights ([0-9a-f]{8}), the same", text)


@pytest.mark.jax
def test_the_demo_trains_on_three_workers_and_shows_a_failure(tmp_path: Path, kernel: str) -> None:
    result = execute("demo", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    ordinary, training, jobs, failing = outputs(tmp_path / "demo.ipynb")
    assert "Python 3" in ordinary
    assert len(losses(training)) == 10
    assert losses(training)[-1] < losses(training)[0] / 4
    assert len(digests(training)) == 3
    assert len(set(digests(training))) == 1
    assert re.search(r"jax-\w{5}", jobs)
    assert "ZeroDivisionError" in failing
    assert re.search(r"Cell In\s?\[4\], line 9", failing)
    assert "worker-1" in failing
    page = (tmp_path / "demo.html").read_text()
    assert "reads" in page
    assert "epoch 10" in result.stdout


@pytest.mark.torch
def test_pytorch_trains_with_ddp_and_in_an_elastic_job(tmp_path: Path, kernel: str) -> None:
    if subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True, check=False).returncode:
        pytest.skip("/usr/bin/python3 has no PyTorch (Debian: apt-get install python3-torch)")
    result = execute("pytorch-ddp", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    training, elastic = outputs(tmp_path / "pytorch-ddp.ipynb")
    assert losses(training)[-1] < losses(training)[0] / 10
    assert len(digests(training)) == 3
    assert len(set(digests(training))) == 1
    learned(elastic, replicas=2)


def learned(text: str, *, replicas: int) -> None:
    """The loss fell to a fifth at the most, and all replicas have the same weights."""
    assert losses(text)[-1] < losses(text)[0] / 5
    weights = re.findall(r"rank \d: weights ([0-9a-f]{8})", text)
    assert (len(weights), len(set(weights))) == (replicas, 1)


@pytest.mark.jax
def test_jax_trains_over_two_workers(tmp_path: Path, kernel: str) -> None:
    result = execute("jax", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    (training,) = outputs(tmp_path / "jax.ipynb")
    learned(training, replicas=2)


def test_tensorflow_trains_over_workers_and_over_parameter_servers(tmp_path: Path, kernel: str) -> None:
    result = execute("tensorflow", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    in_step, served = outputs(tmp_path / "tensorflow.ipynb")
    learned(in_step, replicas=2)
    assert losses(served)[-1] < losses(served)[0] / 5
    assert "slope is at /job:ps/" in served
    assert "ended while they still ran" not in served


def test_xgboost_trains_over_its_tracker(tmp_path: Path, kernel: str) -> None:
    result = execute("xgboost", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    (training,) = outputs(tmp_path / "xgboost.ipynb")
    learned(training, replicas=2)


def test_paddle_trains_over_two_workers(tmp_path: Path, kernel: str) -> None:
    result = execute("paddle", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    (training,) = outputs(tmp_path / "paddle.ipynb")
    learned(training, replicas=2)


@pytest.mark.mpi
def test_ranks_of_mpi_train_and_the_error_of_one_is_the_cells(tmp_path: Path, kernel: str) -> None:
    if subprocess.run(["/usr/bin/python3", "-c", "import mpi4py"], capture_output=True, check=False).returncode:
        pytest.skip("/usr/bin/python3 has no mpi4py (Debian: apt-get install openmpi-bin python3-mpi4py)")
    result = execute("mpi", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    training, failing = outputs(tmp_path / "mpi.ipynb")
    learned(training, replicas=2)
    assert "the second half of the data is missing" in failing
    assert re.search(r"Cell In\s?\[2\], line 8", failing)


def test_the_tour_shows_what_it_says(tmp_path: Path, kernel: str) -> None:
    result = execute("tour", kernel=kernel, out=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    shown = outputs(tmp_path / "tour.ipynb")
    names, line, magic, plan, _, busy, jobs, cancel, log, retries, timeout, option, code, _ = shown
    assert len(re.findall(r"^(ps|worker)-([01]) +\| \1-\2 of tensorflow-", names, re.MULTILINE)) == 3
    assert line.count("good morning") == 3
    assert "process 1 of 2" in magic
    assert "name: worker-1" in plan
    assert busy == ""
    assert re.search(r"nightly-\w+ +running +2 running", jobs)
    assert "is cancelled" in cancel
    assert "epoch 0 of rank 0" in log
    assert "went on from: half way" in retries
    assert "DeadlineExceeded" in timeout
    assert "Did you mean worker?" in option
    assert "^" in code


def test_every_example_is_tested() -> None:
    here = Path(__file__).read_text()
    assert [p.name for p in EXAMPLES.glob("*.ipynb") if f'execute("{p.stem}"' not in here] == []


def test_the_list_of_examples_names_tests_that_are_there() -> None:
    here, there = Path(__file__).read_text(), (ROOT / "tests" / "kubeflow" / "test_kinds.py").read_text()
    rows = re.findall(r"^\| ([a-z-]+) \| (`.*?) \|(.*)\|$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(p.stem for p in EXAMPLES.glob("*.ipynb"))
    for _, local, cluster in rows:
        assert all(f"def {test}(" in here for test in re.findall(r"test_\w+", local))
        assert all(f"def {test}(" in there for test in re.findall(r"test_\w+", cluster))


def test_a_notebook_whose_cell_fails_is_saved_and_reported(tmp_path: Path, kernel: str) -> None:
    coloured = "print('\\x1b[32mbefore\\x1b[0m')\n1 / 0"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(coloured)])
    book.metadata["kernelspec"] = {"name": "ciao", "display_name": "Ciao", "language": "python"}
    nbformat.write(book, tmp_path / "broken.ipynb")
    result = execute(str(tmp_path / "broken"), kernel=kernel, out=tmp_path / "out")
    assert result.returncode == 1
    assert "FAILED" in result.stdout
    assert "\x1b" not in result.stdout  # no terminal
    assert "u001b" in (tmp_path / "out" / "broken.ipynb").read_text()
    assert "before" in (tmp_path / "out" / "broken.html").read_text()
