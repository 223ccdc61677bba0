"""Where nothing may be skipped, a skip is a failure that says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPS = """
import pytest

def test_skips():
    pytest.skip("there is no browser")

@pytest.mark.xfail
def test_is_expected_to_fail():
    assert False
"""


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_one.py").write_text(SKIPS)
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {CONFTEST.parent} {CONFTEST.parent.parent}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CIAO_TEST", "PYTEST"))} | variables
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_skip_passes_by_default(tmp_path: Path) -> None:
    assert "1 skipped, 1 xfailed" in run(tmp_path).stdout


def test_a_skip_fails_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    result = run(tmp_path, CIAO_TEST_NO_SKIP="1")
    assert result.returncode == 1
    assert "there is no browser" in result.stdout
    assert "1 failed, 1 xfailed" in result.stdout


@pytest.mark.parametrize("variable", ["CIAO_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"])
def test_tests_write_nothing_into_the_home_of_the_user(variable: str) -> None:
    assert Path(os.environ[variable]).is_relative_to(os.environ["CIAO_TEST_HOME"])
