"""The Python that runs the replicas."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ciao.backends.local import interpreters
from ciao.backends.local.interpreters import check_module, usable_python
from ciao.errors import CreateRefused


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_python_is_found_by_its_path() -> None:
    assert usable_python(sys.executable) == sys.executable


def test_a_python_that_does_not_work_says_what_it_says(tmp_path: Path) -> None:
    broken = script(tmp_path, "python3.12", "echo 'command not found in this version' >&2; exit 127")
    with pytest.raises(CreateRefused, match="is not a Python: it says 'command not found in this version'"):
        usable_python(str(broken))


def test_only_pythons_that_start_are_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "python3.12", "exit 127")
    good = script(tmp_path, "python3.11", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CreateRefused) as refused:
        usable_python("/nowhere/python3")
    assert str(tmp_path / "python3.12") not in refused.value.hint
    assert str(good) in refused.value.hint


def test_one_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = script(tmp_path, "python", "echo 3.6")
    with pytest.raises(CreateRefused, match=r"is Python 3\.6; replicas need 3\.8 or later"):
        usable_python(str(old))


def test_a_python_without_the_module_that_would_start_the_cell_is_refused() -> None:
    check_module(sys.executable, "json")
    with pytest.raises(CreateRefused, match=r"has no missing, which starts the cell.*add %package=missing"):
        check_module(sys.executable, "missing")


def test_a_python_that_takes_too_long_to_look_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "PROBE_SECONDS", 0.0)
    with pytest.raises(CreateRefused, match=r"slow does not start: .* timed out"):
        check_module(str(script(tmp_path, "slow", "exec sleep 60")), "json")
